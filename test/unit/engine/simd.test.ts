/** The arithmetic between leaves: WebAssembly and TypeScript agree in every bit. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createArithmetic } from "../../../src/engine/simd.ts";
import { addInto, divideByTargets, flushSubnormals } from "../../../src/step/arithmetic.ts";
import { blockValues } from "../../../src/step/block.ts";

const simd = createArithmetic();
const corners = [
  0,
  -0,
  2 ** -126,
  -(2 ** -126),
  2 ** -149,
  -(2 ** -149),
  2 ** -126 - 2 ** -149,
  1.5e-38,
  -1.4e-38,
  3.4e38,
  -3.4e38,
  Infinity,
  -Infinity,
  NaN,
  1,
  -1,
];
/** Any float32, corners often. */
const value = fc.oneof(
  fc.constantFrom(...corners),
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }).map((word) => new Float32Array(Int32Array.of(word).buffer)[0] as number),
  fc.float({ noNaN: true, min: Math.fround(-1e-37), max: Math.fround(1e-37) }),
);
const vector = fc.array(value, { minLength: 0, maxLength: 37 }).map((values) => Float32Array.from(values));

/** NaN is NaN: its other bits are not defined. */
function bits(values: Float32Array): number[] {
  return Array.from(new Int32Array(values.slice().buffer), (word, i) => (Number.isNaN(values[i]) ? 0x7fc0_0000 : word));
}

test("values of any kind flushed: the same bits", () => {
  fc.assert(
    fc.property(vector, (values) => {
      const expected = values.slice();
      flushSubnormals(expected);
      simd.flushSubnormals(values);
      expect(bits(values)).toEqual(bits(expected));
    }),
  );
});

test("flushed values added: the same bits", () => {
  fc.assert(
    fc.property(vector, vector, (left, right) => {
      const length = Math.min(left.length, right.length);
      const [a, b] = [left.subarray(0, length), right.subarray(0, length)];
      flushSubnormals(a);
      flushSubnormals(b);
      const [expected, actual] = [new Float32Array(length), new Float32Array(length)];
      addInto(expected, a, b);
      simd.addInto(actual, a, b);
      expect(bits(actual)).toEqual(bits(expected));
    }),
  );
});

test("flushed values divided: the same bits", () => {
  fc.assert(
    fc.property(vector, fc.integer({ min: 1, max: 2 ** 31 }), (values, targets) => {
      flushSubnormals(values);
      const expected = values.slice();
      divideByTargets(expected, targets);
      simd.divideByTargets(values, targets);
      expect(bits(values)).toEqual(bits(expected));
    }),
  );
});

test("vectors longer than a block, the last block short: every value is treated", () => {
  const size = 2 * blockValues + 5;
  const left = Float32Array.from({ length: size }, (_, i) => 1.5e-38 * (i % 3));
  const right = Float32Array.from({ length: size }, (_, i) => -1.4e-38 * (i % 2));
  const expected = new Float32Array(size);
  addInto(expected, left, right);
  simd.addInto(left, left, right);
  expect(bits(left)).toEqual(bits(expected));
});
