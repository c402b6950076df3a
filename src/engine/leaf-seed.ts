/** The seed of a leaf's dropout: int32 [2], a function of (seed, step, leaf) and of nothing else. */
import type { Leaf, Step } from "../base/ids.ts";
import { randomStream } from "../base/random.ts";

export function leafSeed(seed: number, leaves: number, step: Step, leaf: Leaf): Int32Array {
  const stream = randomStream(seed, "dropout");
  const index = 2 * (step * leaves + leaf);
  return Int32Array.of(stream.at(index), stream.at(index + 1));
}
