/** `babelgrad runs compare A B`: what two runs differ in, and their curves as far as they measure the same. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { hasRun, readRun } from "../coordinator/io/read-run.ts";
import {
  type Both,
  type Comparable,
  comparableOf,
  comparedEvaluations,
  comparedLosses,
  differingClass,
  differingOptions,
  lastEvaluations,
} from "../coordinator/run-comparison.ts";
import type { RunView } from "../coordinator/run-view.ts";
import { evenly, scaleOf, showsUnicode, sparkline } from "../telemetry/curve.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { short, shownPath } from "./runs.ts";
import { textTable } from "./text-table.ts";

/** Rows of the table, and characters of a curve. */
const rowsMax = 8;
const curveWidth = 40;

export function define(command: Command): void {
  command.argument("<A>", "a run directory").argument("<B>", "another").action(compare);
  withExamples(command, ["babelgrad runs compare runs/mine runs/mine-fork1", "babelgrad runs compare runs/small runs/large --json"]);
}

async function compare(pathA: string, pathB: string, flags: { readonly json?: true }): Promise<void> {
  const [a, b] = [await runOf(pathA), await runOf(pathB)];
  const facts = factsOf(a, b);
  const { comparable } = facts;
  if (facts.options === undefined && !comparable.loss && comparable.languages.length === 0)
    throw new BabelgradError(
      "runs-incomparable",
      `${pathA} and ${pathB}: a configuration cannot be read; ${comparable.reasons.join("; ")}`,
      { path: a.config === undefined ? pathA : pathB },
    );
  if (flags.json) report(a, b, facts);
  else process.stdout.write(`${linesOf(a, b, facts).join("\n")}\n`);
}

async function runOf(path: string): Promise<RunView> {
  const folder = resolve(path);
  if (await hasRun(folder)) return readRun(folder);
  throw new BabelgradError("run-missing", `${path} is no run directory`, { path });
}

type Facts = ReturnType<typeof factsOf>;

function factsOf(a: RunView, b: RunView) {
  return {
    options: differingOptions(a, b),
    numericClass: differingClass(a, b),
    comparable: comparableOf(a, b),
    losses: comparedLosses(a, b, curveWidth),
    evaluations: comparedEvaluations(a, b),
    last: lastEvaluations(a, b),
  };
}

function report(a: RunView, b: RunView, facts: Facts): void {
  const { comparable, last } = facts;
  for (const run of [a, b])
    printEvent("runFound", { folder: run.folder, state: run.state, run: run.about?.run, step: run.committed, notes: run.notes });
  for (const { option, kind, ...values } of facts.options ?? []) printEvent("optionDiffers", { option, kind, ...values });
  printEvent("dataCompared", {
    manifest: { a: a.about?.manifest, b: b.about?.manifest },
    languages: { a: a.data?.languages, b: b.data?.languages },
    comparable: { loss: comparable.loss, overall: comparable.overall, languages: comparable.languages },
    reasons: comparable.reasons,
  });
  for (const difference of facts.numericClass ?? []) printEvent("classDiffers", { ...difference });
  if (comparable.loss) for (const row of facts.losses) printEvent("lossCompared", { ...row });
  if (comparable.languages.length > 0)
    for (const { step, ...values } of facts.evaluations) printEvent("evaluationCompared", { step, ...shownOf(values, comparable) });
  printEvent("finished", {
    step: last?.step,
    ...(last === undefined || comparable.languages.length === 0 ? {} : shownOf(last, comparable)),
    tokensPerSecond: { a: a.tokensPerSecond, b: b.tokensPerSecond },
  });
}

/** Of an evaluation only what may be compared. */
function shownOf(values: Omit<Facts["evaluations"][number], "step">, { loss, overall, languages }: Comparable) {
  const pick = (bits: Readonly<Record<string, number>>) => Object.fromEntries(languages.map((language) => [language, bits[language]]));
  return {
    ...(loss ? { validationLoss: values.loss } : {}),
    ...(overall ? { overallBitsPerByte: values.overallBitsPerByte } : {}),
    bitsPerByte: { a: pick(values.bitsPerByte.a), b: pick(values.bitsPerByte.b) },
  };
}

function linesOf(a: RunView, b: RunView, facts: Facts): readonly string[] {
  return [
    ...textTable([headOf("a", a), headOf("b", b)], [0, 1, 2]),
    ...[a, b].flatMap((run) => run.notes.map((note) => `${shownPath(run.folder)}: ${note}`)),
    "",
    ...optionLines(facts),
    ...dataLines(a, b),
    ...classLines(facts),
    ...facts.comparable.reasons.map((reason) => `note: ${reason}`),
    ...lossLines(facts),
    ...validationLines(facts),
    "",
    ...lastLines(a, b, facts),
  ];
}

function headOf(name: string, run: RunView): readonly string[] {
  const fork = run.about?.forkedFrom;
  const model = run.config === undefined ? "" : `${run.config["model.kind"]} ${run.parameters === undefined ? "" : short(run.parameters)}`;
  return [
    name,
    shownPath(run.folder),
    model,
    `${run.committed}/${run.steps ?? "?"} steps`,
    fork === undefined ? "" : `fork of ${fork.run} at ${fork.step}`,
  ];
}

function optionLines({ options }: Facts): readonly string[] {
  if (options === undefined) return ["configuration: that of one run cannot be read"];
  if (options.length === 0) return ["configuration: the same"];
  const rows = options.map(({ option, kind, a, b }) => [
    `  ${option}`,
    JSON.stringify(a),
    JSON.stringify(b),
    kind === "result" ? "result option" : "",
  ]);
  return ["configuration", ...textTable([["  option", "a", "b", ""], ...rows], [0, 1, 2, 3])];
}

function dataLines(a: RunView, b: RunView): readonly string[] {
  const shown = (run: RunView) => `${run.about?.manifest.slice(0, 12) ?? "?"}… (${run.data?.languages.join(" ") ?? "languages unknown"})`;
  return a.about?.manifest === b.about?.manifest ? [`data: the same, ${shown(a)}`] : [`data: a ${shown(a)}`, `      b ${shown(b)}`];
}

function classLines({ numericClass }: Facts): readonly string[] {
  if (numericClass === undefined) return ["numeric class: a run has none yet"];
  if (numericClass.length === 0) return ["numeric class: the same"];
  return [`numeric class: ${numericClass.map(({ field, a, b }) => `${field} ${clip(a)} and ${clip(b)}`).join("; ")}`];
}

/** Digests are long. */
function clip(value: unknown): string {
  const text = String(value) || "none";
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 12)}…` : text;
}

/** Both curves on one scale, with their first and last values. */
function curveLines(title: string, values: readonly Both<number | undefined>[]): readonly string[] {
  const [a, b] = [values.map((value) => value.a), values.map((value) => value.b)];
  const scale = scaleOf(a, b);
  const isUnicode = showsUnicode(process.env);
  const line = (name: string, curve: readonly (number | undefined)[]) => [
    `${name}  ${sparkline(curve, scale, isUnicode)}`,
    `${figure(curve.find((value) => value !== undefined))} to ${figure(curve.findLast((value) => value !== undefined))}`,
  ];
  return textTable(
    [
      [title, ...line("a", a)],
      ["", ...line("b", b)],
    ],
    [0, 1, 2],
  );
}

function figure(value: number | undefined): string {
  return value === undefined ? "–" : value.toFixed(3);
}

function lossLines({ comparable, losses }: Facts): readonly string[] {
  if (!comparable.loss) return [];
  const to = losses.at(-1)?.step;
  if (to === undefined) return ["", "training loss: no step that both have"];
  const rows = evenly(losses, rowsMax).map(({ step, loss }) => [`  ${step}`, figure(loss.a), figure(loss.b)]);
  return [
    "",
    ...curveLines(
      `training loss to step ${to}`,
      losses.map(({ loss }) => loss),
    ),
    ...textTable([["  step", "a", "b"], ...rows], []),
  ];
}

function validationLines({ comparable, evaluations }: Facts): readonly string[] {
  if (comparable.languages.length === 0) return [];
  if (evaluations.length === 0) return ["", "validation: no step after which both were evaluated"];
  const { overall, languages } = comparable;
  const curveOf = (language: string) => evaluations.map(({ bitsPerByte: { a, b } }) => ({ a: a[language], b: b[language] }));
  const points = evenly(evaluations, curveWidth);
  const lines = evenly(evaluations, rowsMax).map(({ step, overallBitsPerByte: { a, b } }) => [`  ${step}`, figure(a), figure(b)]);
  return [
    "",
    ...(overall
      ? [
          ...curveLines(
            "validation bits/byte",
            points.map(({ overallBitsPerByte }) => overallBitsPerByte),
          ),
          ...textTable([["  step", "a", "b"], ...lines], []),
        ]
      : ["validation bits/byte by language"]),
    ...languages.flatMap((language) => curveLines(`  ${language}`, evenly(curveOf(language), curveWidth))),
  ];
}

function lastLines(a: RunView, b: RunView, { comparable, last }: Facts): readonly string[] {
  const row = (name: string, values: Both<number | undefined>): readonly string[] => [
    `  ${name}`,
    figure(values.a),
    figure(values.b),
    values.a === undefined || values.b === undefined ? "–" : `${values.b < values.a ? "" : "+"}${(values.b - values.a).toFixed(3)}`,
  ];
  const speed = [`  tokens/s`, ...[a, b].map(({ tokensPerSecond }) => (tokensPerSecond === undefined ? "–" : short(tokensPerSecond))), ""];
  const rows = [["last", "a", "b", "b − a"]];
  if (last !== undefined && comparable.languages.length > 0) {
    rows.push([`  after step`, String(last.step.a), String(last.step.b), ""]);
    if (comparable.loss) rows.push([...row("validation loss", last.loss)]);
    if (comparable.overall) rows.push([...row("bits/byte", last.overallBitsPerByte)]);
    for (const language of comparable.languages)
      rows.push([...row(`bits/byte ${language}`, { a: last.bitsPerByte.a[language], b: last.bitsPerByte.b[language] })]);
  }
  return textTable([...rows, speed]);
}
