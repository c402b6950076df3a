/** Sparse categorical cross-entropy, summed over the unmasked targets of each sequence. A target of -1 is masked. */
import { cast, greaterEqual, maximum, mul, reshape, scalar, sum, type Tensor1D, type Tensor2D } from "@tensorflow/tfjs-core";
import type { Kernels } from "./kernels.ts";

/** Nats a sequence, [S]. S sequences, C targets each, V vocabulary. */
export function sequenceLosses(kernels: Kernels, logits_NV: Tensor2D, targets_SC: Tensor2D): Tensor1D {
  const zero = scalar(0, "int32");
  const isCounted_SC = cast(greaterEqual(targets_SC, zero), "float32");
  const labels_N = reshape(maximum(targets_SC, zero), [-1]) as Tensor1D;
  const losses_SC = reshape(kernels.crossEntropy(logits_NV, labels_N), targets_SC.shape);
  return sum(mul(losses_SC, isCounted_SC), 1);
}
