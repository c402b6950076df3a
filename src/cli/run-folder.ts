/** Where a run lives when nobody says: `runs/` and the name of its configuration. */
import { basename, join, resolve } from "node:path";

export function runFolder(file: string | undefined, out: string | undefined): string {
  if (out !== undefined) return resolve(out);
  return resolve(join("runs", file === undefined ? "run" : basename(file).replace(/\.ya?ml$/, "")));
}
