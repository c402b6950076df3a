/** A model opened for one use gives the bits that a trainer gives, on both backends. */
import { expect, test } from "vitest";
import type { Config } from "../../../src/config/options.ts";
import { openModel } from "../../../src/engine/io/open-model.ts";
import { openTrainer } from "../../../src/engine/io/open-trainer.ts";
import { configWith, formulaBatch } from "./fixture.ts";

const vocabulary = 19;
const small: Partial<Config> = {
  ...{ "model.layers": 2, "model.heads": 2, "model.width": 16, "model.context": 8, "model.dropout": 0.2, "step.sequences": 3 },
};
const cases = (["tensorflow", "wasm"] as const).flatMap((backend) => (["transformer", "lstm"] as const).map((kind) => ({ backend, kind })));

test.each(cases)("$kind on $backend: evaluation and decoding have the bits of the trainer's", async ({ backend, kind }) => {
  const config = configWith({ ...small, "model.kind": kind, "engine.backend": backend });
  const batch = formulaBatch(config, vocabulary, 0);
  const text = [...batch.tokens.subarray(0, 8)];

  const trainer = await openTrainer({ config, vocabulary, probeBatch: batch });
  const { weights } = await trainer.snapshot(0);
  const losses = await trainer.evaluate(batch);
  const logits: Float32Array[] = [];
  for (const [position, token] of text.entries()) logits.push(await trainer.decode(token, position));
  await trainer.close();

  const evaluator = await openModel({ config, vocabulary, weights, use: "evaluate" });
  expect(await evaluator.evaluate(batch)).toEqual(losses);
  await evaluator.close();

  const decoder = await openModel({ config, vocabulary, weights, use: "decode" });
  for (const [position, token] of text.entries()) expect(await decoder.decode(token, position)).toEqual(logits[position]);
  await decoder.close();
});
