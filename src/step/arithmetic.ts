/**
 * The arithmetic between leaves. Everything that is added, divided or sent between processes goes through here, so
 * that it is the same on every member: float32 rounded to nearest, and what is subnormal becomes a zero of its sign
 * (TensorFlow's threads treat subnormals as zero, V8 keeps them; without this rule the sum would depend on who adds).
 */
import { assert } from "../base/assert.ts";

const exponentMask = 0x7f80_0000;
const signMask = 0x8000_0000 | 0;
const quietNaN = 0x7fc0_0000;

/** The bits of float32 values, in place. */
function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

/** Makes each subnormal value a zero of its sign, in place. */
export function flushSubnormals(values: Float32Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i] as number;
    if ((word & exponentMask) === 0) bits[i] = word & signMask;
  }
}

/** Gives every NaN the same bits, in place: which NaN ∞ − ∞ makes depends on the machine, and averages are hashed. */
export function unifyNaNs(values: Float32Array): void {
  const bits = bitsOf(values);
  for (let i = 0; i < bits.length; i++) if (((bits[i] as number) & 0x7fff_ffff) > exponentMask) bits[i] = quietNaN;
}

/** out = left + right, flushed. The inputs are flushed already. `out` may be one of them. */
export function addInto(out: Float32Array, left: Float32Array, right: Float32Array): void {
  assert(out.length === left.length && out.length === right.length, "summands of unlike length");
  for (let i = 0; i < out.length; i++) out[i] = (left[i] as number) + (right[i] as number);
  flushSubnormals(out);
}

/** average = fround(sum / fround(targets)), flushed, in place. */
export function divideByTargets(sum: Float32Array, targets: number): void {
  const divisor = Math.fround(targets);
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) / divisor;
  flushSubnormals(sum);
}

/** Σx² in float64, in index order: the block's part of the squared norm. Not finite when a value is not. */
export function sumOfSquares(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number;
    sum += x * x;
  }
  return sum;
}

/** The factor that brings a gradient of this norm under `limit` (1 when it is under already), as float32. Limit 0: no clipping. */
export function clipScale(sumOfSquaresTotal: number, limit: number): number {
  if (limit === 0) return 1;
  const norm = Math.sqrt(sumOfSquaresTotal);
  return norm > limit ? Math.fround(limit / norm) : 1;
}
