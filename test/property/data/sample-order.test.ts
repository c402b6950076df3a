import fc from "fast-check";
import { expect, test } from "vitest";
import { sampleOrder } from "../../../src/data/sample-order.ts";

const orderOf = (seed: number, language: string, epoch: number, size: number): readonly number[] =>
  Array.from({ length: size }, (_, i) => sampleOrder(seed, language, epoch, size)(i));

test("any seed, language, epoch and size: every sequence comes once", () => {
  fc.assert(
    fc.property(fc.nat(), fc.string(), fc.nat(100), fc.integer({ min: 1, max: 700 }), (seed, language, epoch, size) => {
      const order = orderOf(seed, language, epoch, size);
      expect([...order].sort((a, b) => a - b)).toEqual(order.map((_, i) => i));
    }),
  );
});

test("another seed, language or epoch: another order", () => {
  const order = orderOf(1, "en", 0, 100);
  expect(orderOf(1, "en", 0, 100)).toEqual(order);
  for (const other of [orderOf(2, "en", 0, 100), orderOf(1, "fr", 0, 100), orderOf(1, "en", 1, 100)]) expect(other).not.toEqual(order);
});

test("many epochs: each sequence comes first about equally often", () => {
  const size = 10;
  const first = Array.from({ length: size }, () => 0);
  for (let epoch = 0; epoch < 10_000; epoch++) {
    const sequence = sampleOrder(7, "en", epoch, size)(0);
    first[sequence] = (first[sequence] ?? 0) + 1;
  }
  for (const count of first) expect(Math.abs(count - 1000)).toBeLessThan(150); // 5 standard deviations
});
