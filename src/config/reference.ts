/** Reference pages made from the tables: options.md and config.schema.json here, errors.md from the errors table. */
import { errors } from "../base/errors.ts";
import { type Option, options } from "./options.ts";
import { optionPaths } from "./resolve.ts";
import { variableOf } from "./text-setting.ts";

/** Every generated file of docs/reference by its name. */
export function referenceFiles(): Readonly<Record<string, string>> {
  return { "options.md": optionsPage(), "errors.md": errorsPage(), "config.schema.json": configSchema() };
}

const generated = "<!-- Generated from the table by `npm run generate`: change the table, not this page. -->";

function optionsPage(): string {
  const rows = optionPaths.map((path) => {
    const option: Option = options[path];
    return `| \`${path}\` | ${valuesOf(option)} | \`${JSON.stringify(option.default)}\` | ${option.kind} | ${cell(option.help)} |`;
  });
  return `${generated}
# Options

Given in a YAML file (nested or dotted keys), as environment variables (\`optimizer.rateFloor\` is \`${variableOf("optimizer.rateFloor")}\`) or
with \`--set path=value\`; the last of these wins. A *result* option changes the weights and is fixed when the run is made; an
*operation* option does not. Relative paths start from the file that names them.

| option | values | default | kind | meaning |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function valuesOf(option: Option): string {
  switch (option.type) {
    case "integer":
    case "number":
      return `${option.powerOfTwo ? "power of two" : option.type} ${option.min} … ${option.max}`;
    case "choice":
      return option.choices.map((choice) => `\`${choice}\``).join(", ");
    case "flag":
      return "`true`, `false`";
    case "paths":
      return "list of paths";
    case "text":
    case "path":
      return option.type;
  }
}

function errorsPage(): string {
  const rows = Object.entries(errors).map(([code, row]) => `| \`${code}\` | ${cell(row.when)} | ${cell(row.todo)} | ${row.exit} |`);
  return `${generated}
# Errors

An error is shown as \`code: what happened\`, then what to do. Exit status: 0 done, 1 failed, 2 wrong usage, 75 try again. Names in braces
are filled in.

| code | when | what to do | exit |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function configSchema(): string {
  const groups: Record<string, Record<string, unknown>> = {};
  const properties: Record<string, unknown> = {};
  for (const path of optionPaths) {
    const [group = "", name] = path.split(".");
    properties[path] = schemaOf(options[path]);
    if (name !== undefined) groups[group] = { ...groups[group], [name]: schemaOf(options[path]) };
  }
  for (const [group, members] of Object.entries(groups)) {
    properties[group] = { type: "object", additionalProperties: false, properties: members };
  }
  const head = { $schema: "https://json-schema.org/draft/2020-12/schema", title: "Babelgrad configuration", type: "object" };
  return `${JSON.stringify({ ...head, additionalProperties: false, properties }, null, 2)}\n`;
}

function schemaOf(option: Option): Record<string, unknown> {
  const common = { description: option.help, default: option.default };
  switch (option.type) {
    case "integer":
    case "number":
      return { ...common, type: option.type, minimum: option.min, maximum: option.max };
    case "choice":
      return { ...common, enum: option.choices };
    case "flag":
      return { ...common, type: "boolean" };
    case "paths":
      return { ...common, type: "array", items: { type: "string" } };
    case "text":
    case "path":
      return { ...common, type: "string" };
  }
}
