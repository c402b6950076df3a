import { expect, test } from "vitest";
import { leafSource } from "../../../src/data/leaf-source.ts";
import { stepSamples } from "../../../src/data/step-samples.ts";
import { unigramBitsPerByte } from "../../../src/data/unigram.ts";
import { endOfText, numberedData, sampleConfig } from "./numbered-data.ts";

const { manifest, shards } = numberedData([
  [41, 10],
  [30, 5],
]);
const byteLengths = new Int32Array(65_536).fill(3);

test("a leaf: row r holds tokens [kC, kC + C) of its sample and the tokens after each as targets", () => {
  const source = leafSource(sampleConfig, manifest, shards, byteLengths);
  const samples = stepSamples(sampleConfig, manifest);
  for (let step = 0; step < 4; step++)
    for (let leaf = 0; leaf < 4; leaf++) {
      const batch = source.leaf(step, leaf);
      expect([batch.step, batch.leaf]).toEqual([step, leaf]);
      samples.samplesOfLeaf(step, leaf).forEach(({ language, sequence }, row) => {
        const shard = shards[language]?.train ?? new Uint16Array(0);
        const count = Math.min(4, shard.length - 1 - 4 * sequence);
        const first = 1000 * language + 4 * sequence;
        expect([...batch.tokens.subarray(row * 4, row * 4 + count)]).toEqual(Array.from({ length: count }, (_, i) => first + i));
        expect([...batch.targets.subarray(row * 4, row * 4 + count)]).toEqual(Array.from({ length: count }, (_, i) => first + i + 1));
        expect([...batch.tokens.subarray(row * 4 + count, row * 4 + 4)]).toEqual(Array.from({ length: 4 - count }, () => endOfText));
        expect([...batch.targets.subarray(row * 4 + count, row * 4 + 4)]).toEqual(Array.from({ length: 4 - count }, () => -1));
        expect([batch.languages[row], batch.targetCounts[row], batch.targetBytes[row]]).toEqual([language, count, 3 * count]);
      });
    }
});

test("validation: every token but the first of each language is a target once, in order, and left-over rows have none", () => {
  const source = leafSource(sampleConfig, manifest, shards, byteLengths);
  // 9 targets are 3 sequences, 4 targets are 1: two leaves of 3 rows, two rows left over.
  expect(source.validationCount).toBe(2);
  const batches = [source.validation(0), source.validation(1)];
  const targets = batches.flatMap((batch) => [...batch.targets]).filter((target) => target >= 0);
  expect(targets).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 1001, 1002, 1003, 1004]);
  expect(batches.flatMap((batch) => [...batch.targetCounts])).toEqual([4, 4, 1, 4, 0, 0]);
  expect(batches.flatMap((batch) => [...batch.targetBytes])).toEqual([12, 12, 3, 12, 0, 0]);
  expect(batches.map((batch) => batch.tokens.length)).toEqual([12, 12]);
});

test("end-of-text among the targets: counts as a target and as no bytes", () => {
  const lengths = new Int32Array(65_536).fill(1);
  lengths[2] = 0;
  const source = leafSource(sampleConfig, manifest, shards, lengths);
  expect(source.validation(0).targetCounts[0]).toBe(4);
  expect(source.validation(0).targetBytes[0]).toBe(3);
});

test("unigram: frequencies plus one, in bits per byte of the validation targets", () => {
  const small = { ...manifest, vocabulary: 4 };
  const tokens = [{ train: Uint16Array.of(0, 0, 0, 1), validation: Uint16Array.of(3, 0, 1) }];
  // p(0) = 4/8 and p(1) = 2/8: 1 + 2 bits over 2 + 3 bytes; the first token is no target.
  expect(unigramBitsPerByte(small, tokens, Int32Array.of(2, 3, 1, 0))).toEqual([3 / 5]);
});
