import fc from "fast-check";
import { expect, test } from "vitest";
import { bitReverse16, mixtureOf, mixtureOfWeights, slots } from "../../../src/data/mixture.ts";

const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 20 });
const kinds = fc.constantFrom("unimax", "temperature", "proportional");

test("any mixture: weights are whole, at least 1, and sum to 65,536", () => {
  fc.assert(
    fc.property(sizes, kinds, fc.integer({ min: 1, max: 1e9 }), (languages, kind, budget) => {
      const { weights } = mixtureOf({ "mixture.kind": kind, "mixture.epochs": 4, "mixture.temperature": 3.3 }, languages, budget);
      expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(slots);
      expect(weights.every((weight) => Number.isInteger(weight) && weight >= 1)).toBe(true);
    }),
  );
});

test("any draw: the count before it is what drawing one by one counts", () => {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 200_000 }), fc.integer({ min: 1, max: 300 }), (languages, from, length) => {
      const mixture = mixtureOf({ "mixture.kind": "proportional", "mixture.epochs": 4, "mixture.temperature": 1 }, languages, 1);
      const counted = languages.map(() => 0);
      for (let draw = from; draw < from + length; draw++) counted[mixture.languageOf(draw)] = (counted[mixture.languageOf(draw)] ?? 0) + 1;
      const formula = languages.map((_, language) => mixture.countBefore(language, from + length) - mixture.countBefore(language, from));
      expect(formula).toEqual(counted);
    }),
  );
});

test("65,536 draws: every language is drawn as often as its weight", () => {
  const mixture = mixtureOfWeights([1, 65_000, 535]);
  expect([0, 1, 2].map((language) => mixture.countBefore(language, slots))).toEqual([1, 65_000, 535]);
  expect([0, 1, 2].map((language) => mixture.countBefore(language, 3 * slots))).toEqual([3, 195_000, 1605]);
});

test("any stretch of draws: no language is off its share by more than 17", () => {
  const mixture = mixtureOfWeights([1000, 30_000, 34_536]);
  for (let draw = 0; draw <= 4096; draw++)
    mixture.weights.forEach((weight, language) => {
      expect(Math.abs(mixture.countBefore(language, draw) - (draw * weight) / slots)).toBeLessThan(17);
    });
});

test("unimax: a small language stops at its epochs and the others share the rest", () => {
  const { weights } = mixtureOf({ "mixture.kind": "unimax", "mixture.epochs": 2, "mixture.temperature": 1 }, [10, 1000, 1000], 420);
  // 20, 200 and 200 of 420 sequences; the one slot left over goes to the first of two equal remainders.
  expect(weights).toEqual([3121, 31_208, 31_207]);
});

test("bit reversal: its own inverse", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: slots - 1 }), (value) => bitReverse16(bitReverse16(value)) === value));
  expect(bitReverse16(1)).toBe(32_768);
});
