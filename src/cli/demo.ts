/**
 * `babelgrad demo`, which `npm start` runs: trains the embedded sample with a coordinator and two workers, kills one of
 * them on the way, compares the model with a simple one, and says what to do next.
 */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { present } from "../base/assert.ts";
import { stepOfName } from "../checkpoint/manifest.ts";
import { openData } from "../data/io/prepared-data.ts";
import { unigramBitsPerByte } from "../data/unigram.ts";
import { configOf, withExamples, withSet } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { program, typedPath } from "./program.ts";
import { type RunWatcher, type TrainFlags, train } from "./train.ts";

const example = fileURLToPath(new URL("../../examples/udhr.yaml", import.meta.url));
/** The worker is killed between these shares of the run: there is something to lose, and time to come back. */
const killFrom = 0.3;
const killUntil = 0.6;

export function define(command: Command): void {
  withSet(command)
    .option("--out <DIR>", "run directory (default: runs/demo, or the next free number)")
    .option("--quiet", "print nothing but warnings, errors and the last lines")
    .action(async (flags: TrainFlags) => {
      process.exitCode = await demo(flags);
    });
  withExamples(command, ["babelgrad demo", "babelgrad demo --set steps=400 --out runs/longer"]);
}

async function demo(flags: TrainFlags): Promise<number> {
  const { steps, "workers.count": count } = configOf(example, flags);
  const out = flags.out ?? freeFolder(steps);
  const isTold = !flags.json && !flags.quiet;
  if (isTold) print(introduction(count, steps, typedPath(out)));
  const status = await train(example, { ...flags, out }, accident(steps, flags.json === true && !flags.quiet));
  const evaluation = lastEvaluation(join(out, "metrics.jsonl"));
  if (status !== 0 || evaluation === undefined || evaluation.step !== steps) return status;
  const { manifest, shards, tokenizer } = await openData(join(out, "data"));
  const unigram = unigramBitsPerByte(manifest, shards, tokenizer.byteLengths);
  const rows = manifest.languages.flatMap(({ language }, i) => {
    const model = evaluation.bitsPerByte[language];
    return model === undefined ? [] : [{ language, model, unigram: present(unigram[i], "a unigram model a language") }];
  });
  if (flags.json) printEvent("compared", { bitsPerByte: Object.fromEntries(rows.map(({ language, ...bits }) => [language, bits])) });
  else print(comparison(rows));
  if (isTold) print(whatNext(out, steps));
  return status;
}

function introduction(workers: number, steps: number, out: string): readonly string[] {
  return [
    "",
    `${workers === 1 ? "One worker learns" : `${workers} workers learn`} twelve languages from the Universal Declaration of Human Rights.`,
    "They share out every step, send each other gradients, and end it with the same weights.",
    `There are ${steps} steps, kept in ${out}. Ctrl-C stops in order, and the same command goes on from there.`,
    "",
  ];
}

/** Kills one worker while others go on, once, and tells the viewer what happens. */
function accident(steps: number, isJson: boolean): RunWatcher {
  let victim: string | undefined;
  let isMissed = false;
  let isOver = false;
  return {
    onListening(port, { tell }) {
      tell(`metrics for Prometheus while it trains: http://127.0.0.1:${port}/metrics`);
    },
    onProgress({ step, members }, { tell, kill }) {
      if (victim === undefined) {
        const last = members.at(-1);
        const isTime = step >= steps * killFrom && step < steps * killUntil;
        if (!isTime || members.length < 2 || last === undefined || !kill(last)) return;
        victim = last;
        if (isJson) printEvent("workerKilled", { name: victim, step });
        tell(`>>> the demo kills worker ${victim} now (SIGKILL): others compute what it had in hand`);
      } else if (!isMissed) isMissed = !members.includes(victim);
      else if (!isOver && members.includes(victim)) {
        isOver = true;
        tell(`>>> ${victim} is back with the others' weights: no sample was lost, none counted twice`);
      }
    },
  };
}

interface Compared {
  readonly language: string;
  readonly model: number;
  readonly unigram: number;
}

function comparison(rows: readonly Compared[]): readonly string[] {
  return [
    "",
    "bits per byte of unseen articles, lower is better",
    "  language   this model   unigram model",
    ...rows.map(({ language, model, unigram }) => {
      const verdict = model < unigram ? "" : "   not better";
      return `  ${language.padEnd(8)}${model.toFixed(3).padStart(13)}${unigram.toFixed(3).padStart(16)}${verdict}`;
    }),
  ];
}

/** Commands to go on with. */
function whatNext(out: string, steps: number): readonly string[] {
  const run = typedPath(out);
  const lines = [
    [`generate ${run} --prompt "Everyone has the right" --language en`, "let the model write"],
    [`eval ${run} --data ${join(run, "data")}`, "measure it, by language"],
    ["runs", "list the runs, or compare two"],
    [`train ${typedPath(example)} --out ${run} --set steps=${2 * steps}`, "go on for as many steps again"],
    ["init TEXTS… --out mine.yaml", "a configuration for text of your own; then: train mine.yaml"],
  ] as const;
  return [
    "",
    `The model is in ${join(run, readlinkSync(join(out, "final")))}; log, samples and metrics.jsonl are in ${run}.`,
    "To go on:",
    ...lines.flatMap(([line, what]) => [`  ${program()} ${line}`, `      ${what}`]),
  ];
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** runs/demo, unless a finished run is there: then the next number. A run that was interrupted goes on. */
function freeFolder(steps: number): string {
  for (let n = 1; ; n++) {
    const folder = resolve(join("runs", n === 1 ? "demo" : `demo-${n}`));
    if (newestStep(folder) !== steps) return folder;
  }
}

function newestStep(folder: string): number | undefined {
  const link = join(folder, "final");
  return existsSync(link) ? stepOfName(present(readlinkSync(link).split("/").at(-1), "a path has a last part")) : undefined;
}

/** A line of metrics.jsonl. */
interface Evaluation {
  readonly event: "evaluated";
  readonly step: number;
  readonly bitsPerByte: Readonly<Record<string, number>>;
}

function lastEvaluation(path: string): Evaluation | undefined {
  if (!existsSync(path)) return undefined;
  const records = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly event: string }); // proof: the coordinator wrote them
  return records.findLast((record): record is Evaluation => record.event === "evaluated");
}
