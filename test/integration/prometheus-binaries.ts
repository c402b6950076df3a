/**
 * Prometheus and promtool for tests: what is on the PATH, else Debian's package, fetched and unpacked without root into
 * a cache. Where neither can be had, tests skip and say so; in CI (the variable CI) they fail instead.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

export interface PrometheusBinaries {
  readonly prometheus: string;
  readonly promtool: string;
}

/** Paths of both programs; undefined: this machine cannot have them. Throws instead in CI. */
export function prometheusBinaries(): PrometheusBinaries | undefined {
  const installed = inFolders((process.env["PATH"] ?? "").split(delimiter));
  if (installed !== undefined) return installed;
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "babelgrad", "debian-prometheus");
  const unpacked = join(cache, "usr", "bin");
  if (!existsSync(unpacked)) {
    try {
      fetchInto(cache);
    } catch (cause) {
      if (existsSync(unpacked)) return inFolders([unpacked]);
      const what = `prometheus is not on the PATH and Debian's package cannot be fetched: ${cause instanceof Error ? cause.message : String(cause)}`;
      if (process.env["CI"] !== undefined) throw new Error(what, { cause });
      process.stderr.write(`${what}\nTests that need it are skipped.\n`);
    }
  }
  return inFolders([unpacked]);
}

/** Unpacks beside the cache and renames: two test files may do this at once, and whoever is second finds it done. */
function fetchInto(cache: string): void {
  mkdirSync(join(cache, ".."), { recursive: true });
  const folder = mkdtempSync(`${cache}-`);
  try {
    // As another user apt could not write here; without root it is this user's folder anyway.
    execFileSync("apt-get", ["download", "-o", "APT::Sandbox::User=", "prometheus"], { cwd: folder, stdio: "pipe" });
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb"));
    if (archive === undefined) throw new Error("apt-get download brought no package");
    execFileSync("dpkg", ["-x", archive, "unpacked"], { cwd: folder, stdio: "pipe" });
    renameSync(join(folder, "unpacked"), cache);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inFolders(folders: readonly string[]): PrometheusBinaries | undefined {
  const find = (name: string): string | undefined => folders.map((folder) => join(folder, name)).find(isExecutable);
  const prometheus = find("prometheus");
  const promtool = find("promtool");
  return prometheus === undefined || promtool === undefined ? undefined : { prometheus, promtool };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
