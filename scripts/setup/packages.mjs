/** npm packages: `npm ci` when package-lock.json is not the one that node_modules was made from. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.mjs";
import { digestOf, readStamp, writeStamp } from "./stamp.mjs";

export function packages(root) {
  const lock = join(root, "package-lock.json");
  // Inside node_modules: whoever removes that removes the stamp.
  const stamp = join(root, "node_modules", ".babelgrad-packages.json");
  return {
    name: "packages",
    // Without a lock file this is the published package, whose dependencies npm has brought.
    isDone: () => !existsSync(lock) || readStamp(stamp)?.lock === digestOf([lock]),
    run() {
      runCommand("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
        cwd: root,
        todo: "npm could not install the packages: see its message above; `npm config list` shows registry and proxy.",
      });
      writeStamp(stamp, { lock: digestOf([lock]) });
      return "installed";
    },
  };
}
