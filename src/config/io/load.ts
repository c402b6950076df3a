/** Loading a configuration: table defaults, then the file, then the environment, then flags; the last one given wins. */
import type { Config } from "../options.ts";
import { resolveConfig } from "../resolve.ts";
import { settingFromFlag, settingsFromEnvironment } from "../text-setting.ts";
import { readYamlFile } from "./yaml-file.ts";

export interface ConfigSources {
  /** The YAML file, when one is given. */
  readonly file?: string | undefined;
  /** `path=value` texts, from `--set`. */
  readonly set?: readonly string[];
}

/** The resolved configuration of a command. Paths are relative to the file that names them, or to the working directory. */
export function loadConfig({ file, set = [] }: ConfigSources): Config {
  const here = process.cwd();
  return resolveConfig([
    ...(file === undefined ? [] : readYamlFile(file, here)),
    ...settingsFromEnvironment(process.env, here),
    ...set.map((text) => settingFromFlag(text, here)),
  ]);
}

/** The configuration that a run was made with (its config.yaml), whatever flags and environment say now. */
export function loadRunConfig(file: string): Config {
  return resolveConfig(readYamlFile(file, process.cwd()));
}
