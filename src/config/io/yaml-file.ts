/** Settings out of a YAML file: keys nested or dotted, each with its line and a caret for errors. */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import { BabelgradError } from "../../base/errors.ts";
import { optionPaths } from "../resolve.ts";
import { locate, type Place, type Setting } from "../setting.ts";

/** Reads a configuration file. Throws config-missing and config-syntax, and option-invalid for a key given twice. */
export function readYamlFile(path: string, workingDirectory: string): Setting[] {
  const full = resolve(workingDirectory, path);
  let text: string;
  try {
    text = readFileSync(full, "utf8");
  } catch (cause) {
    throw new BabelgradError("config-missing", `${path} cannot be read`, { path }, { cause });
  }
  return parseYaml(text, relative(workingDirectory, full).startsWith("..") ? full : relative(workingDirectory, full), dirname(full));
}

/** The settings of a YAML text; `name` is the file's for errors, `folder` what its relative paths start from. */
export function parseYaml(text: string, name: string, folder: string): Setting[] {
  const lines = text.split("\n");
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const placeAt = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { name: `${name}:${line}:${col}`, excerpt: `    ${lines[line - 1] ?? ""}\n    ${" ".repeat(col - 1)}^`, folder };
  };
  const error = document.errors[0];
  if (error !== undefined) throw new BabelgradError("config-syntax", locate(placeAt(error.pos[0]), error.message));
  if (document.contents === null) return [];
  if (!isMap(document.contents)) throw new BabelgradError("config-syntax", locate(placeAt(0), "the file is not a list of `option: value`"));
  const settings: Setting[] = [];
  collect(document.contents, "");
  refuseTwice(settings);
  return settings;

  function collect(map: YAMLMap, prefix: string): void {
    for (const { key, value } of map.items) {
      // Keys of a parsed map are nodes with a range; a key that is itself a map or list becomes no option's name.
      const keyNode = key as Node;
      const path = prefix + String(isScalar(keyNode) ? keyNode.value : keyNode);
      const place = placeAt(keyNode.range?.[0] ?? 0);
      const isGroup = optionPaths.some((option) => option.startsWith(`${path}.`));
      const node = isAlias(value) ? value.resolve(document) : value;
      if (isMap(node) && isGroup) collect(node, `${path}.`);
      else if (isGroup) throw groupWithoutOptions(path, place);
      else settings.push({ path, value: (node as Node | null)?.toJS(document) ?? null, place }); // values of a parsed map are nodes
    }
  }
}

function groupWithoutOptions(path: string, place: Place): BabelgradError {
  const names = optionPaths.filter((option) => option.startsWith(`${path}.`)).map((option) => option.slice(path.length + 1));
  return new BabelgradError("option-invalid", locate(place, `${path} is a group of options (${names.join(", ")}), not one`), {
    path,
    help: "Write the options of the group below it, indented.",
  });
}

function refuseTwice(settings: readonly Setting[]): void {
  const first = new Map<string, Setting>();
  for (const setting of settings) {
    const before = first.get(setting.path);
    if (before !== undefined) {
      const what = `${setting.path} is given twice, first at ${before.place.name}`;
      throw new BabelgradError("option-invalid", locate(setting.place, what), { path: setting.path, help: "Keep one." });
    }
    first.set(setting.path, setting);
  }
}
