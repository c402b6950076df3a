/** A resolved configuration as YAML: what `config.yaml` of a run directory holds. Reading it again gives the same configuration. */
import type { Config } from "./options.ts";
import { optionPaths } from "./resolve.ts";

/** Every option, grouped as in the table; values are JSON, which YAML reads. */
export function renderConfig(config: Config): string {
  const lines: string[] = [];
  let open = "";
  for (const path of optionPaths) {
    const [group, name] = path.includes(".") ? splitPath(path) : ["", path];
    if (group !== open && group !== "") lines.push(`${group}:`);
    open = group;
    lines.push(`${group === "" ? "" : "  "}${name}: ${JSON.stringify(config[path])}`);
  }
  return `${lines.join("\n")}\n`;
}

function splitPath(path: string): [string, string] {
  const at = path.indexOf(".");
  return [path.slice(0, at), path.slice(at + 1)];
}
