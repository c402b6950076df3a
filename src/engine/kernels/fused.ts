/**
 * The kernels as TensorFlow ops that tfjs itself has no name for, reached through the backend: rank-2 products beside
 * their bias (TensorFlow fuses the two), loss and gradient in one pass without one-hot targets, stateless random values.
 */
import { customGrad, mul, reshape, type Tensor, type Tensor1D, type Tensor2D, tensor1d, zeros } from "@tensorflow/tfjs-core";
import type { Kernels } from "../../model/kernels.ts";
import type { Attribute, AttributeTypes } from "../addon.ts";

/** Executes one TensorFlow op: NodeJSKernelBackend.executeMultipleOutputs. */
export type Execute = (op: string, attributes: Attribute[], inputs: readonly Tensor[], outputs: number) => Tensor[];

export function fusedKernels(execute: Execute, types: AttributeTypes): Kernels {
  const type = (name: string, value: number): Attribute => ({ name, type: types.TF_ATTR_TYPE, value });
  const flag = (name: string, value: boolean): Attribute => ({ name, type: types.TF_ATTR_BOOL, value });
  const float = type("T", types.TF_FLOAT);
  const single = (op: string, attributes: Attribute[], inputs: readonly Tensor[]): Tensor =>
    execute(op, attributes, inputs, 1)[0] as Tensor;

  const product = (a: Tensor, b: Tensor, isATransposed: boolean, isBTransposed: boolean): Tensor2D =>
    single("MatMul", [float, flag("transpose_a", isATransposed), flag("transpose_b", isBTransposed)], [a, b]) as Tensor2D;

  return {
    dense(x_NI, weight, bias_O, isTransposed = false) {
      const apply = customGrad((...inputs) => {
        // tfjs appends the save function to the tensors that it was called with.
        const save = inputs.pop() as unknown as (tensors: Tensor[]) => void;
        const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor | undefined];
        save([x, weight]);
        const plain = product(x, weight, false, isTransposed);
        const value = bias === undefined ? plain : single("BiasAdd", [float], [plain, bias]);
        const gradFunc = (slope: Tensor, saved: Tensor[]): Tensor[] => {
          const [x, weight] = saved as [Tensor, Tensor];
          const slopeX = product(slope, weight, false, !isTransposed);
          const slopeWeight = isTransposed ? product(slope, x, true, false) : product(x, slope, true, false);
          return bias === undefined ? [slopeX, slopeWeight] : [slopeX, slopeWeight, single("BiasAddGrad", [float], [slope])];
        };
        return { value, gradFunc };
      });
      return apply(...(bias_O === undefined ? [x_NI, weight] : [x_NI, weight, bias_O])) as Tensor2D;
    },

    crossEntropy(logits_NV, labels_N) {
      return customGrad((...inputs) => {
        const [logits, labels, save] = inputs as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
        const attributes = [float, type("Tlabels", types.TF_INT32)];
        const [losses, slopes] = execute("SparseSoftmaxCrossEntropyWithLogits", attributes, [logits, labels], 2) as [Tensor, Tensor];
        save([slopes, labels]);
        const gradFunc = (slope: Tensor, saved: Tensor[]): Tensor[] => {
          const [slopes, labels] = saved as [Tensor, Tensor];
          return [mul(slopes, reshape(slope, [-1, 1])), zeros(labels.shape)];
        };
        return { value: losses, gradFunc };
      })(logits_NV, labels_N) as Tensor1D;
    },

    uniform: (shape, seed_2) =>
      single(
        "StatelessRandomUniform",
        [type("dtype", types.TF_FLOAT), type("T", types.TF_INT32), type("Tseed", types.TF_INT32)],
        [tensor1d([...shape], "int32"), seed_2],
      ),
  };
}
