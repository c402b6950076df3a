/**
 * Dropout whose masks depend on the seed of the leaf and on the place in the model, and on nothing else: whoever
 * computes a leaf, and however often, drops the same values.
 */
import { add, cast, greaterEqual, mul, type Tensor, type Tensor1D, tensor1d } from "@tensorflow/tfjs-core";
import type { Kernels } from "./kernels.ts";

/** Drops values of a tensor; each call is another place in the model. */
export type Dropout = <T extends Tensor>(x: T) => T;

export const noDropout: Dropout = (x) => x;

/** `seed_2` is the int32 [2] seed of (run, step, leaf); `share` of the values become 0, the others grow to keep the mean. */
export function seededDropout(kernels: Kernels, share: number, seed_2: Tensor1D): Dropout {
  let place = 0;
  return (x) => {
    const seedHere_2 = add(seed_2, tensor1d([0, ++place], "int32")) as Tensor1D;
    const kept = cast(greaterEqual(kernels.uniform(x.shape, seedHere_2), share), "float32");
    return mul(x, mul(kept, 1 / (1 - share)));
  };
}
