/**
 * Our side of `bench step`: the trainer as a worker uses it, gradient out to shared memory and average back in.
 * Arguments: a configuration as JSON, the vocabulary. Prints `ready`; then for each line `N` on standard input one
 * line: the milliseconds of N steps, as JSON.
 */
import { createInterface } from "node:readline";
import type { Config } from "../../config/options.ts";
import type { LeafBatch } from "../../data/leaf.ts";
import { stepScalars } from "../schedule.ts";
import { createArithmetic } from "../simd.ts";
import { openTrainer } from "./open-trainer.ts";

const config = JSON.parse(process.argv[2] ?? "") as Config; // made by cli/bench.ts
const vocabulary = Number(process.argv[3]);
const S = config["step.sequences"];
const size = S * config["model.context"];
const counts = new Int32Array(S).fill(config["model.context"]);
const randomTokens = (): Int32Array => Int32Array.from({ length: size }, () => Math.floor(Math.random() * vocabulary));
const randomBatch = (step: number): LeafBatch => ({
  ...{ step, leaf: 0, tokens: randomTokens(), targets: randomTokens() },
  ...{ languages: new Int32Array(S), targetCounts: counts, targetBytes: counts },
});

const trainer = await openTrainer({ config, vocabulary, probeBatch: randomBatch(0) });
const arithmetic = createArithmetic();
let step = 0;

async function trainStep(): Promise<void> {
  const { gradient } = await trainer.computeLeaf(randomBatch(step));
  arithmetic.divideByTargets(gradient, size);
  await trainer.apply(gradient, stepScalars(config, step, 1));
  trainer.release(gradient);
  step++;
}

for (let i = 0; i < 3; i++) await trainStep();
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = [];
  for (let i = 0; i < Number(line); i++) {
    const started = performance.now();
    await trainStep();
    times.push(performance.now() - started);
  }
  process.stdout.write(`${JSON.stringify(times)}\n`);
}
await trainer.close();
