/**
 * What a model asks for beyond plain tfjs: the few operations where a fused one is worth much. The engine has a fused
 * and a portable version of each, and a test that both agree.
 */
import type { Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";

/** N rows, I inputs, O outputs, V vocabulary. */
export interface Kernels {
  /** x · weight + bias as [N, O]. The weight is [I, O], or [O, I] when `isTransposed`. */
  dense(x_NI: Tensor2D, weight: Tensor2D, bias_O: Tensor1D | undefined, isTransposed?: boolean): Tensor2D;
  /** Cross-entropy of each row in nats, [N]. Labels are int32 in [0, V). */
  crossEntropy(logits_NV: Tensor2D, labels_N: Tensor1D): Tensor1D;
  /** Uniform values in [0, 1): a function of the shape and the seed (int32 [2]) and of nothing else. */
  uniform(shape: readonly number[], seed_2: Tensor1D): Tensor;
}
