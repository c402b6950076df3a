/** `babelgrad runs`: the runs of a folder, what each is and where it stands. It only looks, also at runs that are trained now. */
import { readdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { diskError } from "../base/disk.ts";
import { BabelgradError } from "../base/errors.ts";
import { hasRun, readRun } from "../coordinator/io/read-run.ts";
import { type RunView, sumOf } from "../coordinator/run-view.ts";
import { bitsPerByteByLanguage, meanLoss, overallBitsPerByte } from "../telemetry/report.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { program } from "./program.ts";
import { textTable } from "./text-table.ts";

/** Committed steps that the training loss is the mean of. */
const lossSteps = 10;

export function define(command: Command): void {
  command.argument("[DIR...]", "run directories, or folders of them (default: runs)").action(list);
  withExamples(command, ["babelgrad runs", "babelgrad runs runs /mnt/shared/runs", "babelgrad runs runs/mine --json"]);
}

async function list(dirs: readonly string[], flags: { readonly json?: true }): Promise<void> {
  const folders = dirs.length === 0 ? await runsIn("runs", true) : (await Promise.all(dirs.map((dir) => runsIn(dir, false)))).flat();
  const runs: RunView[] = [];
  // One after the other: a log may be long, and only what is shown of it stays.
  for (const folder of new Set(folders)) runs.push(await readRun(folder, lossSteps));
  if (flags.json) {
    for (const run of runs) printEvent("runFound", fieldsOf(run));
    printEvent("finished", { runs: runs.length });
  } else process.stdout.write(`${linesOf(runs, dirs).join("\n")}\n`);
}

/** A run directory itself, or the folders in a folder. `run-missing` when it is not there, unless it may be. */
async function runsIn(dir: string, mayBeMissing: boolean): Promise<readonly string[]> {
  const folder = resolve(dir);
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined && mayBeMissing) return [];
  if (found?.isDirectory() !== true)
    throw new BabelgradError("run-missing", `${dir} ${found === undefined ? "does not exist" : "is no folder"}`, { path: dir });
  if (await hasRun(folder)) return [folder];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw diskError("list", folder, error instanceof Error && "code" in error ? String(error.code) : String(error), error);
  });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => join(folder, name))
    .sort();
}

/** As one would type it here. */
export function shownPath(folder: string): string {
  const path = relative(process.cwd(), folder);
  return path === "" ? "." : path.startsWith("..") ? folder : path;
}

function fieldsOf(run: RunView): Readonly<Record<string, unknown>> {
  const { config, data } = run;
  const evaluation = run.evaluated.at(-1);
  return {
    folder: run.folder,
    state: run.state,
    holder: run.holder,
    run: run.about?.run,
    forkedFrom: run.about?.forkedFrom && { run: run.about.forkedFrom.run, step: run.about.forkedFrom.step },
    model: config?.["model.kind"],
    parameters: run.parameters,
    languages: data?.languages,
    step: run.committed,
    steps: run.steps,
    tokens: run.tokens,
    loss: trainLoss(run),
    validationStep: evaluation?.step,
    validationLoss: evaluation && meanLoss(evaluation.tally),
    overallBitsPerByte: evaluation && overallBitsPerByte(evaluation.tally),
    bitsPerByte: evaluation && bitsPerByteByLanguage(evaluation.tally, data?.languages ?? []),
    tokensPerSecond: run.tokensPerSecond,
    workers: run.workers,
    activeMs: run.activeMs,
    bytes: run.bytes,
    checkpoint: run.checkpoint,
    notes: run.notes,
  };
}

/** Nats a target over the last steps. */
function trainLoss(run: RunView): number | undefined {
  const last = run.trained.slice(-lossSteps);
  return last.length === 0 ? undefined : meanLoss(sumOf(last));
}

const head = ["run", "state", "model", "languages", "steps", "tokens", "loss", "validation", "bits/byte", "workers", "active", "size"];

function linesOf(runs: readonly RunView[], dirs: readonly string[]): readonly string[] {
  if (runs.length === 0)
    return [`no runs in ${dirs.length === 0 ? "runs" : dirs.join(", ")}; ${program()} train makes one, ${program()} demo the first`];
  const rows = runs.map(cellsOf);
  const table = textTable([head, ...rows], [0, 1, 2, 3]);
  const notes = runs.flatMap((run) => run.notes.map((note) => `${shownPath(run.folder)}: ${note}`));
  const isNarrow = process.stdout.isTTY && Math.max(...table.map((line) => line.length)) > process.stdout.columns;
  return [...(isNarrow ? rows.flatMap(stacked) : table), ...(notes.length > 0 ? ["", ...notes] : [])];
}

/** For a narrow terminal: a line a fact. */
function stacked(row: readonly string[]): readonly string[] {
  return row.map((cell, column) => (column === 0 ? cell : `  ${(head[column] ?? "").padEnd(10)}  ${cell}`));
}

function cellsOf(run: RunView): readonly string[] {
  const { config, data } = run;
  const evaluation = run.evaluated.at(-1);
  const model = config === undefined ? "–" : `${config["model.kind"]}${run.parameters === undefined ? "" : ` ${short(run.parameters)}`}`;
  const loss = trainLoss(run);
  return [
    shownPath(run.folder),
    run.state === "training" ? "training now" : run.state === "none" ? "no run" : run.state,
    model,
    data === undefined ? "–" : namesOf(data.languages),
    run.about === undefined ? "–" : `${run.committed}/${run.steps ?? "?"}`,
    run.about === undefined ? "–" : short(run.tokens),
    loss === undefined ? "–" : loss.toFixed(3),
    evaluation === undefined ? "–" : meanLoss(evaluation.tally).toFixed(3),
    evaluation === undefined ? "–" : overallBitsPerByte(evaluation.tally).toFixed(3),
    run.workers === undefined ? "–" : String(run.workers),
    run.activeMs === undefined ? "–" : ago(Date.now() - run.activeMs),
    `${short(run.bytes)}B`,
  ];
}

function namesOf(languages: readonly string[]): string {
  return languages.length <= 4 ? languages.join(" ") : `${languages.slice(0, 3).join(" ")} +${languages.length - 3}`;
}

/** 1234567 as 1.2M. */
export function short(count: number): string {
  const units = ["", "k", "M", "G", "T"];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  const scaled = count / 1000 ** power;
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)}${units[power]}`;
}

function ago(ms: number): string {
  const minutes = Math.max(0, ms / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${Math.floor(minutes)} min ago`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
}
