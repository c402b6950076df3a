/** `babelgrad demo`, which `npm start` runs: trains the embedded sample with a coordinator and two workers, and compares. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { present } from "../base/assert.ts";
import { stepOfName } from "../checkpoint/manifest.ts";
import { openData } from "../data/io/prepared-data.ts";
import { unigramBitsPerByte } from "../data/unigram.ts";
import { type ConfigFlags, configOf, withExamples, withSet } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { train } from "./train.ts";

const example = fileURLToPath(new URL("../../examples/udhr.yaml", import.meta.url));

export function define(command: Command): void {
  withSet(command)
    .option("--out <DIR>", "run directory (default: runs/demo, or the next free number)")
    .action(async (flags: ConfigFlags & { readonly out?: string }) => {
      process.exitCode = await demo(flags);
    });
  withExamples(command, ["babelgrad demo", "babelgrad demo --set steps=400 --out runs/longer"]);
}

async function demo(flags: ConfigFlags & { readonly out?: string }): Promise<number> {
  const { steps } = configOf(example, flags);
  const out = flags.out ?? freeFolder(steps);
  if (!flags.json)
    process.stdout.write(
      `Two workers learn twelve languages from the Universal Declaration of Human Rights (${steps} steps, in ${out}).\n`,
    );
  const status = await train(example, { ...flags, out });
  const evaluation = lastEvaluation(join(out, "metrics.jsonl"));
  if (status !== 0 || evaluation === undefined || evaluation.step !== steps) return status;
  const { manifest, shards, tokenizer } = await openData(join(out, "data"));
  const unigram = unigramBitsPerByte(manifest, shards, tokenizer.byteLengths);
  const rows = manifest.languages.flatMap(({ language }, i) => {
    const model = evaluation.bitsPerByte[language];
    return model === undefined ? [] : [{ language, model, unigram: present(unigram[i], "a unigram model a language") }];
  });
  if (flags.json) {
    printEvent("compared", { bitsPerByte: Object.fromEntries(rows.map(({ language, ...bits }) => [language, bits])) });
    return status;
  }
  process.stdout.write(`\nbits per byte of unseen articles, lower is better\n  language   this model   unigram model\n`);
  for (const { language, model, unigram: base } of rows)
    process.stdout.write(
      `  ${language.padEnd(8)}${model.toFixed(3).padStart(13)}${base.toFixed(3).padStart(16)}${model < base ? "" : "   not better"}\n`,
    );
  process.stdout.write(
    `\nThe run is in ${out}: checkpoints, log, metrics.jsonl. To go on: bin/babelgrad train examples/udhr.yaml --out ${out} --set steps=${2 * steps} --set mixture.epochs=100\n`,
  );
  return status;
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
