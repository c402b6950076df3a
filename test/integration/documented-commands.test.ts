/**
 * What people are told to type can be typed: every command of the pages and of --help is parsed by the command's own
 * definition, what it names is there, and lines of other programs are those of a small table. What nothing checks fails.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { commandOf } from "../../src/cli/commands.ts";
import { defined } from "../../src/cli/parse.ts";
import { readYamlFile } from "../../src/config/io/yaml-file.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { settingFromFlag, settingsFromEnvironment } from "../../src/config/text-setting.ts";
import { commandsOfLine, linesOfHelp, linesOfPages } from "./documented-lines.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Readonly<Record<string, string>> };

/** Lines of other programs, and what there is to check about each; all else is refused. */
const others: readonly (readonly [RegExp, (match: RegExpExecArray) => void])[] = [
  [/^npm (start|test)$/, ([, script = ""]) => expect(scripts).toHaveProperty(script)],
  [/^npm run ([\w:]+)$/, ([, script = ""]) => expect(scripts).toHaveProperty([script])],
  [/^node ([\w./-]+\.mjs)(?: --[a-z]+(?: [\w.,]+)?)*$/, ([, file = ""]) => isThere(file)],
  [/^npx vitest run (test\/[\w./-]+\.test\.ts)$/, ([, file = ""]) => isThere(file)],
  [/^curl -s http:\/\/[\w.]+:(?:\d+|PORT)\/(.*)$/, ([, path]) => expect(["metrics", "healthz", "readyz", "sd"]).toContain(path)],
  [/^docker compose((?: -f [\w./]+)+) up --build$/, ([, files = ""]) => files.split(" -f ").slice(1).forEach(isThere)],
  [/^sed s\/coordinator:7700\/127\.0\.0\.1:7700\/ (\S+)$/, ([, file = ""]) => expect(text(file)).toContain("coordinator:7700")],
  [/^cp (deploy\/\S+|examples\/\S+) \S+$/, ([, file = ""]) => isThere(file)],
  [/^prometheus --config\.file=prometheus\.yml$/, () => isThere("deploy/prometheus/prometheus.yml")],
  // Programs of the system that read or copy what a run has written.
  [/^(?:scp|cp -a|rsync -a) runs\/mine(?:\/token)? \S+$/, () => undefined],
  [/^systemctl (?:enable --now|status|stop) babelgrad-(?:coordinator|worker)$/, () => undefined],
  [/^(?:echo .*|head)$/, () => undefined],
];

function text(file: string): string {
  isThere(file);
  return readFileSync(root + file, "utf8");
}

function isThere(file: string): void {
  expect(existsSync(root + file), `${file} is not there`).toBe(true);
}

/** Throws when a command of the line would be refused before it does anything, or is nobody's. */
async function check(line: string): Promise<void> {
  const found = commandsOfLine(line);
  expect(found).not.toEqual([]);
  for (const words of found) {
    const variables = words.slice(
      0,
      Math.max(
        0,
        words.findIndex((word) => !/^[A-Z_]+=/.test(word)),
      ),
    );
    const environment = Object.fromEntries(variables.map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]));
    const settings = settingsFromEnvironment(environment, root);
    const rest = words.slice(variables.length);
    // A job of Slurm starts one on each of its machines.
    const [program, ...args] = rest[0] === "srun" ? rest.slice(1) : rest;
    if (program === "bin/babelgrad" || program === "babelgrad" || (program === "npx" && args.shift() === "babelgrad"))
      await checkOurs(args, settings);
    else {
      const typed = rest.join(" ");
      const [match, checked] = others.map(([form, then]) => [form.exec(typed), then] as const).find(([one]) => one !== null) ?? [];
      if (match === undefined || match === null) throw new Error(`nothing checks: ${typed}`);
      checked?.(match);
    }
  }
}

async function checkOurs(args: readonly string[], settings: ReturnType<typeof settingsFromEnvironment>): Promise<void> {
  if (args.length === 1 && args[0] === "--help") return;
  const entry = commandOf(args);
  if (entry === undefined) throw new Error(`there is no command ${args.join(" ")}`);
  const command = await defined(entry);
  if (args.at(-1) === "--help") return;
  command.action(() => undefined);
  await command.parseAsync(args.slice(entry.name.split(" ").length), { from: "user" });
  const { set = [] } = command.opts<{ set?: readonly string[] }>();
  const examples = command.args.filter((arg) => arg.startsWith("examples/"));
  examples.forEach(isThere);
  // Options exist, and values are within their bounds and go together.
  resolveConfig([
    ...examples.flatMap((file) => readYamlFile(root + file, root)),
    ...settings,
    ...set.map((one) => settingFromFlag(one, root)),
  ]);
}

const onPages = linesOfPages();
const inHelp = await linesOfHelp();

describe("a documented command", () => {
  it.each([...onPages, ...inHelp])("$place: $line", ({ line }) => check(line));
});

describe("the check itself", () => {
  it("reads many lines of each page and help", () => {
    for (const place of ["README.md", "docs/operations.md", "deploy/README.md"])
      expect(onPages.filter((one) => one.place === place).length).toBeGreaterThan(3);
    expect(inHelp.length).toBeGreaterThan(20);
  });

  it.each([
    ["a flag that is not there", "bin/babelgrad train mine.yaml --wrokers 2"],
    ["an argument too many", "bin/babelgrad train mine.yaml other.yaml"],
    ["an argument too few", "bin/babelgrad eval"],
    ["a required flag left out", "bin/babelgrad worker --join ws://127.0.0.1:7700"],
    ["a command that is not there", "bin/babelgrad trian mine.yaml"],
    ["an option that is not there", "bin/babelgrad train mine.yaml --set stpes=3"],
    ["a value out of bounds", "bin/babelgrad train mine.yaml --set net.port=70000"],
    ["options that do not go together", "bin/babelgrad coordinator mine.yaml --set net.host=0.0.0.0"],
    ["an example that is not there", "bin/babelgrad train examples/none.yaml"],
    ["a script that is not there", "npm run stat"],
    ["a variable of no option", "BABELGRAD_STEP=3 bin/babelgrad train mine.yaml"],
    ["the second command of a line", "bin/babelgrad runs | bin/babelgrad trian"],
    ["another program", "make install"],
  ])("refuses %s", async (_, line) => {
    await expect(check(line)).rejects.toThrow();
  });
});
