/** Adding and dividing never gives a subnormal, and flushing twice is flushing once. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { addInto, divideByTargets, flushSubnormals } from "../../../src/step/arithmetic.ts";

const anyFloat = fc.float();
const tinyFloat = fc.float({ min: Math.fround(-1e-37), max: Math.fround(1e-37), noNaN: true });
const vectors = fc.array(fc.tuple(fc.oneof(anyFloat, tinyFloat), fc.oneof(anyFloat, tinyFloat)), { minLength: 1, maxLength: 40 });

function hasSubnormal(values: Float32Array): boolean {
  return values.some((x) => x !== 0 && Math.abs(x) < 2 ** -126);
}

test("any flushed summands: the sum and its quotient have no subnormal, and flushing again changes no bit", () => {
  fc.assert(
    fc.property(vectors, fc.integer({ min: 1, max: 1e9 }), (pairs, targets) => {
      const left = Float32Array.from(pairs.map(([a]) => a));
      const right = Float32Array.from(pairs.map(([, b]) => b));
      flushSubnormals(left);
      flushSubnormals(right);
      const sum = new Float32Array(left.length);
      addInto(sum, left, right);
      expect(hasSubnormal(sum)).toBe(false);
      divideByTargets(sum, targets);
      expect(hasSubnormal(sum)).toBe(false);
      const before = new Uint32Array(sum.slice().buffer);
      flushSubnormals(sum);
      expect(new Uint32Array(sum.buffer)).toEqual(before);
    }),
  );
});

test("any summands: the order of two does not matter, except for the payload of a NaN", () => {
  fc.assert(
    fc.property(vectors, (pairs) => {
      const left = Float32Array.from(pairs.map(([a]) => a));
      const right = Float32Array.from(pairs.map(([, b]) => b));
      const [one, other] = [new Float32Array(left.length), new Float32Array(left.length)];
      addInto(one, left, right);
      addInto(other, right, left);
      expect([...one]).toEqual([...other]);
    }),
  );
});
