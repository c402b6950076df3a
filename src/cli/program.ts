/** How the commands of this installation are typed, for lines that say what to do next. */
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The program that starts a command line, and a process of its own. */
export const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));

/** `bin/babelgrad` in a clone, its whole path elsewhere, `npx babelgrad` of an installed package. */
export function program(): string {
  return launcher.includes("/node_modules/") ? "npx babelgrad" : typedPath(launcher);
}

/** A path as one would type it in the working directory. */
export function typedPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? resolve(path) : short;
}
