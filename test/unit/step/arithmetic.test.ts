/** The arithmetic between leaves, at the edges of float32. */
import { describe, expect, test } from "vitest";
import { addInto, clipScale, divideByTargets, flushSubnormals, sumOfSquares } from "../../../src/step/arithmetic.ts";

const smallestNormal = 2 ** -126;
const largestSubnormal = smallestNormal - 2 ** -149;
const largest = (2 - 2 ** -23) * 2 ** 127;

/** Bits, because NaN and −0 are not told apart by ==. */
function bits(values: readonly number[] | Float32Array): string[] {
  return [...new Uint32Array(Float32Array.from(values).buffer)].map((word) => word.toString(16).padStart(8, "0"));
}

describe("flushSubnormals", () => {
  test.each([
    ["a subnormal", largestSubnormal, 0],
    ["a negative subnormal", -largestSubnormal, -0],
    ["the smallest subnormal", 2 ** -149, 0],
    ["the smallest normal value", smallestNormal, smallestNormal],
    ["zero", 0, 0],
    ["negative zero", -0, -0],
    ["infinity", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    ["negative infinity", Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ["NaN", Number.NaN, Number.NaN],
    ["the largest value", largest, largest],
  ])("%s: what TensorFlow makes of it", (_, before, after) => {
    const values = Float32Array.of(before);
    flushSubnormals(values);
    expect(bits(values)).toEqual(bits([after]));
  });

  test("a view into a larger buffer: nothing outside it changes", () => {
    const all = Float32Array.of(1e-40, 1e-40, 1e-40);
    flushSubnormals(all.subarray(1, 2));
    expect(bits(all)).toEqual(bits([1e-40, 0, 1e-40]));
  });
});

describe("addInto", () => {
  test.each([
    ["a sum that is subnormal", 1.5 * smallestNormal, -smallestNormal, 0],
    ["a negative sum that is subnormal", -1.5 * smallestNormal, smallestNormal, -0],
    ["two zeros of unlike sign", -0, 0, 0],
    ["two negative zeros", -0, -0, -0],
    ["a value and its negative", 3, -3, 0],
    ["a sum beyond the largest value", largest, largest, Number.POSITIVE_INFINITY],
    ["a tie, rounded to even", 1, 2 ** -24, 1],
    ["a tie, rounded to even upwards", 1 + 2 ** -23, 2 ** -24, 1 + 2 ** -22],
  ])("%s: rounded to nearest and flushed", (_, left, right, sum) => {
    const out = new Float32Array(1);
    addInto(out, Float32Array.of(left), Float32Array.of(right));
    expect(bits(out)).toEqual(bits([sum]));
  });

  test("infinities of unlike sign: a NaN of whatever bits", () => {
    const out = new Float32Array(1);
    addInto(out, Float32Array.of(Number.POSITIVE_INFINITY), Float32Array.of(Number.NEGATIVE_INFINITY));
    expect(out[0]).toBeNaN();
  });

  test("the left summand as the place of the sum: the same sum", () => {
    const left = Float32Array.of(1, 2, 3);
    addInto(left, left, Float32Array.of(10, 20, 30));
    expect([...left]).toEqual([11, 22, 33]);
  });

  test("summands of unlike length: a bug", () => {
    expect(() => addInto(new Float32Array(2), new Float32Array(2), new Float32Array(3))).toThrow("summands of unlike length");
  });
});

describe("divideByTargets", () => {
  test("a count that float32 cannot hold: the divisor is rounded first", () => {
    const sum = Float32Array.of(1, 3);
    divideByTargets(sum, 16_777_217);
    expect(bits(sum)).toEqual(bits([1 / 16_777_216, Math.fround(3 / 16_777_216)]));
  });

  test("a quotient that is subnormal: a zero of its sign", () => {
    const sum = Float32Array.of(smallestNormal, -smallestNormal);
    divideByTargets(sum, 2);
    expect(bits(sum)).toEqual(bits([0, -0]));
  });
});

describe("sumOfSquares", () => {
  test("squares that float32 cannot hold: finite in float64", () => {
    expect(sumOfSquares(Float32Array.of(largest))).toBe(largest * largest);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("a value of %s: not finite", (value) => {
    expect(Number.isFinite(sumOfSquares(Float32Array.of(1, value)))).toBe(false);
  });
});

describe("clipScale", () => {
  test.each([
    [0, 4, 1],
    [2, 4, 1],
    [1, 4, 0.5],
    [1, 10, Math.fround(1 / Math.sqrt(10))],
  ])("limit %d, squared norm %d: factor %d", (limit, squared, factor) => {
    expect(clipScale(squared, limit)).toBe(factor);
  });
});
