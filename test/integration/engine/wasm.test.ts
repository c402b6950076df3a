/** Training on WebAssembly against training on TensorFlow: from the same weights the losses stay together. */
import { expect, test } from "vitest";
import type { Config } from "../../../src/config/options.ts";
import { openTrainer } from "../../../src/engine/io/open-trainer.ts";
import { stepScalars } from "../../../src/engine/schedule.ts";
import { divideByTargets } from "../../../src/step/arithmetic.ts";
import { configWith, formulaBatch } from "./fixture.ts";

const vocabulary = 97;
const shared: Partial<Config> = {
  ...{ "model.layers": 2, "model.heads": 4, "model.width": 32, "model.context": 16, "step.sequences": 4, "step.leaves": 1 },
  ...{ "optimizer.warmup": 5, "optimizer.decay": 0.1, "optimizer.clip": 0.7, steps: 20 },
};

interface Trained {
  /** Mean loss of each step, nats. */
  readonly losses: number[];
  readonly clippedSteps: number;
}

/** Twenty steps with AdamW and clipping, from the weights of step 0. */
async function train(config: Config): Promise<Trained> {
  const trainer = await openTrainer({ config, vocabulary, probeBatch: formulaBatch(config, vocabulary, 0) });
  const losses: number[] = [];
  let clippedSteps = 0;
  for (let step = 0; step < config.steps; step++) {
    const batch = formulaBatch(config, vocabulary, step);
    const targets = batch.targetCounts.reduce((sum, count) => sum + count, 0);
    const { gradient, losses: sums } = await trainer.computeLeaf(batch);
    losses.push(sums.reduce((sum, x) => sum + x, 0) / targets);
    divideByTargets(gradient, targets);
    const norm = Math.sqrt(gradient.reduce((sum, x) => sum + x * x, 0));
    const scale = Math.min(1, config["optimizer.clip"] / norm);
    if (scale < 1) clippedSteps++;
    await trainer.apply(gradient, stepScalars(config, step, scale));
    trainer.release(gradient);
  }
  await trainer.close();
  return { losses, clippedSteps };
}

test.each(["transformer", "lstm"] as const)("%s, 20 steps with AdamW and clipping: losses within 1e-4 of TensorFlow's", async (kind) => {
  const config = configWith({ ...shared, "model.kind": kind, "optimizer.rate": kind === "lstm" ? 0.03 : 0.01 });
  const reference = await train({ ...config, "engine.backend": "tensorflow" });
  const ours = await train({ ...config, "engine.backend": "wasm" });
  const differences = reference.losses.map((loss, step) => Math.abs((ours.losses[step] ?? Number.NaN) / loss - 1));
  expect(Math.max(...differences)).toBeLessThan(1e-4);
  // So that the test says something: the model has learned, clipping took part, and the two are not one engine.
  expect(reference.losses.at(-1)).toBeLessThan(0.95 * (reference.losses[0] ?? 0));
  expect(ours.clippedSteps).toBeGreaterThan(0);
  expect(differences.some((difference) => difference > 0)).toBe(true);
});
