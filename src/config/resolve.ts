/**
 * From settings to a resolved configuration: every option of the table gets the last value given to it or its default,
 * checked for type and bounds; then the combinations that cannot work are refused.
 */
import { BabelgradError } from "../base/errors.ts";
import { impossibleCombination } from "./combinations.ts";
import { nearest } from "./nearest.ts";
import { type Config, type Option, type OptionPath, options } from "./options.ts";
import { absolutePath } from "./path.ts";
import { locate, type Place, type Setting } from "./setting.ts";

export const optionPaths = Object.keys(options) as readonly OptionPath[]; // the table's own keys

/** Later settings win over earlier ones. Throws option-unknown, option-invalid and options-conflict. */
export function resolveConfig(settings: readonly Setting[]): Config {
  const values: Record<string, unknown> = Object.fromEntries(optionPaths.map((path) => [path, options[path].default]));
  const places = new Map<string, Place>();
  for (const setting of settings) {
    const path = knownPath(setting);
    values[path] = checkedValue(path, setting);
    places.set(path, setting.place);
  }
  // Each key of the table has its default or a value that checkedValue accepted for it.
  const config = values as Config;
  const conflict = impossibleCombination(config);
  if (conflict !== undefined) {
    const place = conflict.options.map((path) => places.get(path)).find((given) => given !== undefined);
    const given = conflict.options.map((path) => `${path} ${JSON.stringify(config[path])}`).join(" and ");
    const what = `${given} cannot go together: ${conflict.why}`;
    throw new BabelgradError("options-conflict", place === undefined ? what : locate(place, what), {
      options: conflict.options.join(" or "),
    });
  }
  return config;
}

function isOptionPath(path: string): path is OptionPath {
  return Object.hasOwn(options, path);
}

function knownPath({ path, place }: Setting): OptionPath {
  if (isOptionPath(path)) return path;
  throw new BabelgradError("option-unknown", locate(place, `there is no option ${path}`), { nearest: nearest(path, optionPaths) });
}

function checkedValue(path: OptionPath, { value, place }: Setting): unknown {
  const option: Option = options[path];
  const wrong = whatIsWrong(option, value);
  if (wrong !== undefined) {
    const what = `${path} ${wrong}, not ${typeof value === "number" ? value : JSON.stringify(value)}`;
    throw new BabelgradError("option-invalid", locate(place, what), { path, help: option.help });
  }
  // whatIsWrong has shown that a path is a string and that paths are strings.
  if (option.type === "path") return absolutePath(place.folder, value as string);
  if (option.type === "paths") return (value as readonly string[]).map((input) => absolutePath(place.folder, input));
  return value;
}

/** What the option demands that the value is not; undefined when it fits. */
function whatIsWrong(option: Option, value: unknown): string | undefined {
  switch (option.type) {
    case "integer":
    case "number": {
      const fits = typeof value === "number" && value >= option.min && value <= option.max;
      if (!fits || (option.type === "integer" && !Number.isSafeInteger(value))) {
        return `must be ${option.type === "integer" ? "an integer" : "a number"} from ${option.min} to ${option.max}`;
      }
      return option.powerOfTwo && !Number.isInteger(Math.log2(value)) ? "must be a power of two" : undefined;
    }
    case "flag":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "choice":
      return typeof value === "string" && option.choices.includes(value) ? undefined : `must be one of ${option.choices.join(", ")}`;
    case "paths":
      return Array.isArray(value) && value.every((item) => typeof item === "string") ? undefined : "must be a list of texts";
    case "text":
    case "path":
      return typeof value === "string" ? undefined : "must be text (in quotes when it looks like something else)";
  }
}
