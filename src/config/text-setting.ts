/** Settings that are given as text: `--set path=value` and environment variables. */
import { BabelgradError } from "../base/errors.ts";
import { nearest } from "./nearest.ts";
import { type Option, options } from "./options.ts";
import { optionPaths } from "./resolve.ts";
import type { Setting } from "./setting.ts";

/** `--set path=value`; a list is separated by commas. */
export function settingFromFlag(text: string, folder: string): Setting {
  const at = text.indexOf("=");
  if (at <= 0) throw new BabelgradError("usage", `--set ${text}: a path, = and a value are needed, for example --set steps=200`);
  const path = text.slice(0, at);
  return { path, value: parsedValue(path, text.slice(at + 1)), place: { name: "--set", folder } };
}

const prefix = "BABELGRAD_";
/** Variables with our prefix that are no options: faults on purpose, for tests of failures (worker/io/fault.ts). */
const otherVariables: readonly string[] = ["BABELGRAD_FAULTS"];

/** The variable of an option: optimizer.rateFloor is BABELGRAD_OPTIMIZER_RATE_FLOOR. */
export function variableOf(path: string): string {
  return (
    prefix +
    path
      .replace(/([A-Z])/g, "_$1")
      .replaceAll(".", "_")
      .toUpperCase()
  );
}

/** The settings of an environment. A variable with our prefix that is no option's is an error: it would be ignored silently. */
export function settingsFromEnvironment(environment: Readonly<Record<string, string | undefined>>, folder: string): Setting[] {
  const pathOf = new Map(optionPaths.map((path) => [variableOf(path), path]));
  return Object.entries(environment).flatMap(([name, text]) => {
    if (!name.startsWith(prefix) || text === undefined || otherVariables.includes(name)) return [];
    const path = pathOf.get(name);
    if (path === undefined) {
      const what = `environment: no option has the variable ${name}`;
      throw new BabelgradError("option-unknown", what, { nearest: nearest(name, [...pathOf.keys()]) });
    }
    return [{ path, value: parsedValue(path, text), place: { name, folder } }];
  });
}

/** The text as the option's type would have it; text that does not fit stays text, and is refused with its place. */
function parsedValue(path: string, text: string): unknown {
  const option: Option | undefined = Object.hasOwn(options, path) ? options[path as keyof typeof options] : undefined; // hasOwn shows it
  switch (option?.type) {
    case "integer":
    case "number":
      return text.trim() === "" || Number.isNaN(Number(text)) ? text : Number(text);
    case "flag":
      return text === "true" ? true : text === "false" ? false : text;
    case "paths":
      return text === "" ? [] : text.split(",");
    default:
      return text;
  }
}
