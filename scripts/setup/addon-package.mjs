/**
 * tfjs-node-gpu's npm package: the addon's sources and the JavaScript around it, without its install script, which
 * downloads another TensorFlow (0.4 GB) than the one used here.
 *
 * A clone has it from `npm ci --ignore-scripts`. Nobody who installs the published package says --ignore-scripts, so
 * there it is no dependency, and this brings it through the user's npm, checked against its pinned hash.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { runCommand, SetupError } from "./command.mjs";

/** Puts the package into `folder`, whole or not at all, unless it is there. */
export function bringAddonPackage(root, folder) {
  if (existsSync(join(folder, "binding"))) return;
  const { version, integrity } = JSON.parse(readFileSync(join(root, "scripts", "setup", "tfjs-node-gpu.json"), "utf8"));
  mkdirSync(dirname(folder), { recursive: true });
  const fresh = mkdtempSync(`${folder}-`);
  try {
    const todo = "npm could not fetch the package: see its message above; `npm config list` shows registry and proxy.";
    runCommand("npm", ["pack", "--silent", "--pack-destination", fresh, `@tensorflow/tfjs-node-gpu@${version}`], { cwd: fresh, todo });
    const archive = readdirSync(fresh).find((name) => name.endsWith(".tgz"));
    if (archive === undefined) throw new SetupError(`npm pack wrote nothing. ${todo}`);
    const found = `sha512-${createHash("sha512")
      .update(readFileSync(join(fresh, archive)))
      .digest("base64")}`;
    if (found !== integrity)
      throw new SetupError(`@tensorflow/tfjs-node-gpu ${version} from this registry is another than ${integrity}: ${found}`);
    runCommand("tar", ["-xzf", archive], { cwd: fresh, todo: "tar is needed to unpack npm packages." });
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(fresh, "package"), folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
