/** Our models and optimizers against PyTorch's: results from bench/reference/golden.py, from the same weights. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Config } from "../../../src/config/options.ts";
import { openTrainer } from "../../../src/engine/io/open-trainer.ts";
import { stepScalars } from "../../../src/engine/schedule.ts";
import type { State, Trainer } from "../../../src/engine/trainer.ts";
import { modelLayout } from "../../../src/model/parameters.ts";
import { divideByTargets } from "../../../src/step/arithmetic.ts";
import { configWith, formulaBatch, formulaValues } from "./fixture.ts";

interface ModelGolden {
  readonly losses: number[];
  readonly gradient: number[];
  readonly curve: number[];
}
const golden = JSON.parse(readFileSync(new URL("../../golden/torch.json", import.meta.url), "utf8")) as {
  readonly transformer: ModelGolden;
  readonly lstm: ModelGolden;
  readonly adamw: number[];
  readonly sgd: number[];
};
const vocabulary = 11;
const shared: Partial<Config> = {
  ...{ "model.layers": 2, "model.heads": 2, "model.width": 8, "model.context": 6, "step.sequences": 3, "step.leaves": 1 },
  ...{ "optimizer.schedule": "constant", "optimizer.rate": 0.01, "optimizer.beta2": 0.99, "optimizer.decay": 0.1 },
};

function open(config: Config): Promise<Trainer> {
  return openTrainer({ config, vocabulary, probeBatch: formulaBatch(config, vocabulary, 0) });
}

/** Weights by formula, gains around 1. */
function formulaState(config: Config): State {
  const { parameters, size } = modelLayout(config, vocabulary);
  const weights = Float32Array.from(formulaValues(size, 7919, 0.5));
  for (const { name, offset, size } of parameters)
    if (name.endsWith("gain")) for (let i = offset; i < offset + size; i++) weights[i] = Math.fround((weights[i] as number) + 1);
  const empty = (): Float32Array => new Float32Array(size);
  return { step: 0, weights, moment1: empty(), moment2: config["optimizer.kind"] === "adamw" ? empty() : new Float32Array() };
}

/** Largest difference, as a share of the largest expected value. */
function difference(actual: ArrayLike<number>, expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((actual[i] as number) - value))) / scale;
}

const backends = ["tensorflow", "wasm"] as const;
const kinds = ["transformer", "lstm"] as const;
for (const { kind, backend } of backends.flatMap((backend) => kinds.map((kind) => ({ kind, backend })))) {
  describe(`${kind} on ${backend} against torch`, () => {
    const config = configWith({ ...shared, "engine.backend": backend, "model.kind": kind, "model.tied": kind === "transformer" });
    let trainer: Trainer;
    beforeAll(async () => {
      trainer = await open(config);
    });
    afterAll(() => trainer.close());

    test("the same weights and tokens: loss a sequence and gradient within 1e-5", async () => {
      await trainer.load(formulaState(config));
      const { gradient, losses } = await trainer.computeLeaf(formulaBatch(config, vocabulary, 0));
      expect(difference(losses, golden[kind].losses)).toBeLessThan(1e-5);
      expect(difference(gradient, golden[kind].gradient)).toBeLessThan(1e-5);
      expect(difference(await trainer.evaluate(formulaBatch(config, vocabulary, 0)), golden[kind].losses)).toBeLessThan(1e-5);
      trainer.release(gradient);
    });

    test("the same text token by token: loss a sequence within 1e-5", async () => {
      await trainer.load(formulaState(config));
      const { tokens, targets } = formulaBatch(config, vocabulary, 0);
      const C = config["model.context"];
      const losses = golden[kind].losses.map(() => 0);
      for (const [i, target] of targets.entries()) {
        const logits = await trainer.decode(tokens[i] as number, i % C);
        const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
        const sequence = Math.floor(i / C);
        if (target >= 0) losses[sequence] = (losses[sequence] as number) + Math.log(sum) - (logits[target] as number);
      }
      expect(difference(losses, golden[kind].losses)).toBeLessThan(1e-5);
    });

    test("50 steps of adamw: the loss follows torch's within 1 %", async () => {
      await trainer.load(formulaState(config));
      for (const [step, expected] of golden[kind].curve.entries()) {
        const batch = formulaBatch(config, vocabulary, step);
        const targets = batch.targetCounts.reduce((sum, count) => sum + count, 0);
        const { gradient, losses } = await trainer.computeLeaf(batch);
        const loss = losses.reduce((sum, x) => sum + x, 0) / targets;
        expect(Math.abs(loss / expected - 1), `step ${step}: ${loss}, torch ${expected}`).toBeLessThan(0.01);
        divideByTargets(gradient, targets);
        await trainer.apply(gradient, stepScalars(config, step, 1));
        trainer.release(gradient);
      }
    });
  });
}

const optimizers = ["adamw", "sgd"] as const;
for (const { kind, backend } of backends.flatMap((backend) => optimizers.map((kind) => ({ kind, backend })))) {
  test(`${kind} on ${backend} against torch: three updates with clipping, weights within 1e-6`, async () => {
    const optimizer = kind === "sgd" ? { "optimizer.decay": 0, "optimizer.momentum": 0.9, "optimizer.rate": 0.1 } : {};
    const config = configWith({ ...shared, ...optimizer, "engine.backend": backend, "optimizer.kind": kind });
    const trainer = await open(config);
    await trainer.load(formulaState(config));
    const average = trainer.allocate();
    for (let step = 0; step < 3; step++) {
      average.set(formulaValues(trainer.size, 104729 + step, 0.2));
      await trainer.apply(average, stepScalars(config, step, 0.5));
    }
    const { weights } = await trainer.snapshot(3);
    await trainer.close();
    expect(difference(weights, golden[kind])).toBeLessThan(1e-6);
    expect(difference(formulaState(config).weights, golden[kind])).toBeGreaterThan(1e-3); // so the updates did something
  });
}
