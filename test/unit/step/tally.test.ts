/** Sums per language. */
import { expect, test } from "vitest";
import { addTallies, bitsPerByte, targetsOf } from "../../../src/step/tally.ts";

const tally = (language: number, lossNats: number) => ({ language, sequences: 1, targets: 10, bytes: 40, lossNats });

test("two tallies with one language in common: it is summed, the others stand beside it in order", () => {
  expect(addTallies([tally(1, 0.5), tally(3, 2)], [tally(0, 1), tally(1, 0.25)])).toEqual([
    tally(0, 1),
    { language: 1, sequences: 2, targets: 20, bytes: 80, lossNats: 0.75 },
    tally(3, 2),
  ]);
});

test("losses whose sum depends on the order: left plus right, as given", () => {
  const [a, b, c] = [[tally(0, 0.1)], [tally(0, 0.2)], [tally(0, 0.3)]];
  expect(addTallies(addTallies(a, b), c)[0]?.lossNats).toBe(0.1 + 0.2 + 0.3);
  expect(addTallies(a, addTallies(b, c))[0]?.lossNats).toBe(0.1 + (0.2 + 0.3));
});

test("targets of a tally: over all languages", () => {
  expect(targetsOf([tally(0, 1), tally(2, 1)])).toBe(20);
  expect(targetsOf([])).toBe(0);
});

test("a loss of ln 2 nats a byte: one bit a byte", () => {
  expect(bitsPerByte(80 * Math.LN2, 80)).toBeCloseTo(1, 15);
});
