/** Where the built file of a process or thread of this folder lies. Tests run the sources, but Node 20 runs no TypeScript. */
import { fileURLToPath } from "node:url";

export function builtEntry(name: string): string {
  const folder = import.meta.url.endsWith(".ts") ? "../../../dist/engine/io/" : "./";
  return fileURLToPath(new URL(`${folder}${name}.js`, import.meta.url));
}
