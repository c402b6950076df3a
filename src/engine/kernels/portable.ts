/**
 * The kernels in plain tfjs: what every backend can do. The fused ones must agree with these (test/integration/engine).
 */
import { add, logSoftmax, matMul, mul, neg, oneHot, sum, type Tensor, type Tensor1D, type Tensor2D, tensor } from "@tensorflow/tfjs-core";
import type { Kernels } from "../../model/kernels.ts";
import { philoxUniform } from "./philox.ts";

export const portableKernels: Kernels = {
  dense(x_NI, weight, bias_O, isTransposed = false) {
    const product: Tensor2D = matMul<Tensor2D>(x_NI, weight, false, isTransposed);
    return bias_O === undefined ? product : add<Tensor2D>(product, bias_O);
  },

  crossEntropy(logits_NV, labels_N) {
    const V = logits_NV.shape[1];
    return neg(sum(mul(oneHot(labels_N, V), logSoftmax(logits_NV)), 1)) as Tensor1D;
  },

  /** Reads the seed on the host, so a step that uses it cannot be recorded. */
  uniform(shape, seed_2): Tensor {
    const [low = 0, high = 0] = seed_2.dataSync<"int32">();
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    return tensor(philoxUniform(low, high, size), [...shape]);
  },
};
