/**
 * A configuration file with every option of the table: those that are set, with their values, the others commented out with
 * their defaults, each under its help text. A group where nothing is set has dotted keys, so that one line can be put in force alone.
 */
import { type Config, type Option, type OptionPath, options } from "./options.ts";
import { optionPaths } from "./resolve.ts";

/** Columns of a comment. */
const columns = 110;

/** YAML text; `opening` are lines of comment at the top. Values stand as given: paths in them are relative to the file. */
export function renderTemplate(set: Partial<Config>, opening: readonly string[]): string {
  const lines = [...opening.flatMap((line) => wrapped(line, "")), ""];
  const groups = [...new Set(optionPaths.map(groupOf))];
  for (const group of groups) {
    const paths = optionPaths.filter((path) => groupOf(path) === group);
    const isOpen = group !== "" && paths.some((path) => set[path] !== undefined);
    if (isOpen) lines.push(`${group}:`);
    for (const path of paths) lines.push(...optionLines(path, set[path], isOpen));
    lines.push("");
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function optionLines(path: OptionPath, value: unknown, isNested: boolean): readonly string[] {
  const indent = isNested ? "  " : "";
  const option: Option = options[path];
  const key = isNested ? path.slice(path.indexOf(".") + 1) : path;
  const choices = option.type === "choice" ? ` One of ${option.choices.join(", ")}.` : "";
  const fallback = value === undefined ? "" : ` Default ${JSON.stringify(option.default)}.`;
  const isFixed = option.kind === "result" ? " [fixed for a run]" : "";
  return [
    ...wrapped(`${option.help}${choices}${fallback}${isFixed}`, indent),
    value === undefined ? `${indent}# ${key}: ${JSON.stringify(option.default)}` : `${indent}${key}: ${JSON.stringify(value)}`,
  ];
}

function groupOf(path: OptionPath): string {
  return path.includes(".") ? path.slice(0, path.indexOf(".")) : "";
}

/** A text as lines of comment. */
function wrapped(text: string, indent: string): readonly string[] {
  const lines: string[] = [];
  let line = `${indent}#`;
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > columns && line !== `${indent}#`) {
      lines.push(line);
      line = `${indent}#`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
