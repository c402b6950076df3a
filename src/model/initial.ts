/**
 * Initial weights: a function of the layout and the seed alone, the same bits on every machine. Normal values are
 * made in pairs (Box and Muller, 1958) with the polynomials of base/approximate.ts, because the last bit of Math.log
 * and Math.cos differs between engines.
 */
import { cos, log } from "../base/approximate.ts";
import { randomStream, unit } from "../base/random.ts";
import type { Layout } from "./layout.ts";

/** The flat vector of step 0, float32 [layout.size]. */
export function initialWeights(layout: Layout, seed: number): Float32Array {
  const weights = new Float32Array(layout.size);
  for (const { name, offset, size, beginning } of layout.parameters) {
    const target = weights.subarray(offset, offset + size);
    if ("value" in beginning) target.fill(beginning.value);
    else if ("values" in beginning) target.set(beginning.values);
    else fillNormal(target, beginning.deviation, seed, `weights/${name}`);
  }
  return weights;
}

/** Value 2k and 2k + 1 come from draws 2k and 2k + 1 of the named stream. */
function fillNormal(target: Float32Array, deviation: number, seed: number, name: string): void {
  const stream = randomStream(seed, name);
  for (let i = 0; i < target.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * log(unit(stream, i) + 2 ** -33)); // never log(0)
    const turn = 2 * Math.PI * unit(stream, i + 1);
    target[i] = radius * cos(turn);
    if (i + 1 < target.length) target[i + 1] = radius * cos(turn - Math.PI / 2);
  }
}
