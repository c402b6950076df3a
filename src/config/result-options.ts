/** Result options: the part of a configuration that changes the weights, and so tells one run from another. */
import type { Config, OptionPath } from "./options.ts";
import { options } from "./options.ts";
import { optionPaths } from "./resolve.ts";

const resultPaths: readonly OptionPath[] = optionPaths.filter((path) => options[path].kind === "result").sort();

/** `path=value` of every result option, ascending by path: what the first lineage is made from. */
export function resultFields(config: Config): readonly string[] {
  return resultPaths.map((path) => `${path}=${JSON.stringify(config[path])}`);
}

/** The result options in which a configuration differs from the run's; empty when it is the same run. */
export function differingResultOptions(config: Config, run: Config): readonly { option: OptionPath; was: unknown; is: unknown }[] {
  return resultPaths
    .filter((path) => JSON.stringify(config[path]) !== JSON.stringify(run[path]))
    .map((option) => ({ option, was: run[option], is: config[option] }));
}
