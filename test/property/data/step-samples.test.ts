import fc from "fast-check";
import { expect, test } from "vitest";
import { sampleOrder } from "../../../src/data/sample-order.ts";
import { type Sample, stepSamples } from "../../../src/data/step-samples.ts";
import { numberedData, sampleConfig } from "../../unit/data/numbered-data.ts";

const runs = fc.record({
  tokens: fc.array(fc.integer({ min: 2, max: 400 }), { minLength: 1, maxLength: 8 }),
  seed: fc.nat(),
  context: fc.integer({ min: 1, max: 20 }),
  leaves: fc.constantFrom(1, 2, 4, 8),
  sequences: fc.integer({ min: 1, max: 9 }),
  budget: fc.integer({ min: 1, max: 100_000 }),
});

test("any run: the samples of a step are its draws, sorted stably by language and cut into leaves", () => {
  fc.assert(
    fc.property(runs, fc.nat(30), ({ tokens, seed, context, leaves, sequences, budget }, steps) => {
      const { manifest } = numberedData(tokens.map((count) => [count, 2]));
      const config = {
        ...sampleConfig,
        seed,
        "model.context": context,
        "step.leaves": leaves,
        "step.sequences": sequences,
        "mixture.budget": budget,
      };
      const samples = stepSamples(config, manifest);
      const drawn = tokens.map(() => 0);
      for (let step = 0; step < steps; step++) {
        expect(samples.counts(step)).toEqual(drawn);
        const draws: Sample[] = [];
        for (let t = step * leaves * sequences; t < (step + 1) * leaves * sequences; t++) {
          const language = samples.mixture.languageOf(t);
          const nth = drawn[language] ?? 0;
          const size = samples.sizes[language] ?? 0;
          const epoch = Math.floor(nth / size);
          const code = manifest.languages[language]?.language ?? "";
          draws.push({ language, sequence: sampleOrder(seed, code, epoch, size)(nth % size), epoch });
          drawn[language] = nth + 1;
        }
        draws.sort((a, b) => a.language - b.language);
        const byLeaf = Array.from({ length: leaves }, (_, leaf) => samples.samplesOfLeaf(step, leaf));
        expect(byLeaf.flat()).toEqual(draws);
        expect(byLeaf.every((leaf) => leaf.length === sequences)).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test("whole epochs: every sequence of a language is read equally often", () => {
  const { manifest } = numberedData([[41, 2]]);
  const samples = stepSamples(sampleConfig, manifest);
  const counts = Array.from({ length: 10 }, () => 0);
  // 10 sequences of 4 targets; 5 steps of 12 samples are 6 epochs.
  for (let step = 0; step < 5; step++)
    for (let leaf = 0; leaf < 4; leaf++)
      for (const { sequence } of samples.samplesOfLeaf(step, leaf)) counts[sequence] = (counts[sequence] ?? 0) + 1;
  expect(counts).toEqual(counts.map(() => 6));
});
