/** How a command shows a run: by its flags, the environment and what its standard output is. */

/**
 * `live`: a view at the foot of the terminal, what happens scrolls above it. `lines`: a line a second. `quiet`: only
 * warnings, errors and the last lines. `json`: one event a line; with --quiet only the last.
 */
export type OutputMode = "live" | "lines" | "quiet" | "json" | "json-quiet";

export interface OutputFlags {
  readonly json?: true;
  readonly quiet?: true;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function outputMode({ json, quiet }: OutputFlags, environment: Environment, isTerminal: boolean): OutputMode {
  if (json) return quiet ? "json-quiet" : "json";
  if (quiet) return "quiet";
  return isTerminal && environment["TERM"] !== "dumb" && !isOn(environment["CI"]) ? "live" : "lines";
}

/** FORCE_COLOR wins over NO_COLOR (force-color.org, no-color.org). */
export function hasColour(environment: Environment): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no } = environment;
  if (force !== undefined) return force === "" || isOn(force);
  return no === undefined || no === "";
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "false"].includes(value);
}
