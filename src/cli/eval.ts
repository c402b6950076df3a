/** `babelgrad eval`: loss and bits per byte of a run's model, by language, over a validation split. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { openValidation } from "../data/io/prepared-data.ts";
import { tallyOf } from "../data/leaf.ts";
import { validationSource } from "../data/leaf-source.ts";
import { openModel } from "../engine/io/open-model.ts";
import { addTallies, bitsPerByte, type Tally } from "../step/tally.ts";
import { bitsPerByteByLanguage, meanLoss, overallBitsPerByte } from "../telemetry/report.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { type ModelFlags, modelOf, withModel } from "./model-flags.ts";
import { withoutNoise } from "./without-noise.ts";

interface EvalFlags extends ModelFlags {
  readonly data?: string;
}

export function define(command: Command): void {
  withModel(command)
    .option("--data <DIR>", "prepared data of the same tokenizer, in any languages (default: the run's own)")
    .action((run: string, flags: EvalFlags) => withoutNoise(() => evaluate(run, flags)));
  withExamples(command, [
    "babelgrad eval runs/demo",
    "babelgrad eval runs/demo --checkpoint best --json",
    "babelgrad eval runs/demo --data prepared/news",
  ]);
}

async function evaluate(run: string, flags: EvalFlags): Promise<void> {
  const stored = await modelOf(run, flags);
  const { config, tokenizer, weights, checkpoint, step } = stored;
  const dir = flags.data ?? stored.dataFolder;
  if (!existsSync(join(dir, "manifest.json")))
    throw new BabelgradError("usage", `${dir} holds no prepared data; make a folder of them with: babelgrad data prepare INPUT… --out DIR`);
  const { manifest, tokenizerJson, shards } = await openValidation(dir);
  if (tokenizerJson !== stored.tokenizerJson)
    throw new BabelgradError("tokenizer-differs", `${dir} was made with another tokenizer than ${run} was trained with`);
  const languages = manifest.languages.map(({ language }) => language);
  const source = validationSource(config, manifest, shards, tokenizer.byteLengths);

  const model = await openModel({ config, vocabulary: tokenizer.vocabulary, weights, use: "evaluate" });
  let tally: Tally = [];
  try {
    // Leaf after leaf, as while it trains: sums of floating point numbers are what their order makes them.
    for (let index = 0; index < source.validationCount; index++) {
      const batch = source.validation(index);
      tally = addTallies(tally, tallyOf(batch, await model.evaluate(batch)));
    }
  } finally {
    await model.close();
  }
  if (!flags.json) {
    process.stdout.write(`${[`${run}, ${checkpoint}, validation text of ${dir}`, ...table(tally, languages)].join("\n")}\n`);
    return;
  }
  for (const { language, sequences, targets, bytes, lossNats } of tally)
    printEvent("languageEvaluated", {
      ...{ language: languages[language], sequences, tokens: targets, bytes, loss: lossNats / targets },
      bitsPerByte: bitsPerByte(lossNats, bytes),
    });
  printEvent("finished", {
    ...{ run, data: dir, checkpoint, step, validationLoss: meanLoss(tally) },
    ...{ overallBitsPerByte: overallBitsPerByte(tally), bitsPerByte: bitsPerByteByLanguage(tally, languages) },
  });
}

function table(tally: Tally, languages: readonly string[]): readonly string[] {
  const sum = (pick: (t: Tally[number]) => number): number => tally.reduce((total, t) => total + pick(t), 0);
  const all = { targets: sum((t) => t.targets), bytes: sum((t) => t.bytes), lossNats: sum((t) => t.lossNats) };
  const row = (name: string, { targets, bytes, lossNats }: typeof all): readonly string[] => [
    ...[name, String(targets), String(bytes)],
    ...[(lossNats / targets).toFixed(4), bitsPerByte(lossNats, bytes).toFixed(3)],
  ];
  const rows = [
    ["language", "tokens", "bytes", "loss", "bits/byte"],
    ...tally.map((t) => row(languages[t.language] ?? "", t)),
    ...(tally.length > 1 ? [row("all", all)] : []),
  ];
  return rows.map((cells) => cells.map((cell, column) => (column === 0 ? cell.padEnd(12) : cell.padStart(11))).join(""));
}
