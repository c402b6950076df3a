/** Times one large matrix product on native TensorFlow (matrix-peak.ts). */
import { present } from "../../base/assert.ts";
import type { Attribute, Binding } from "../addon.ts";

/** Milliseconds that a float32 product of side × side took. */
export function timedProduct(binding: Binding, side: number): number {
  const { TF_FLOAT, TF_INT32, TF_ATTR_BOOL, TF_ATTR_TYPE } = binding;
  const input = binding.createTensor([side, side], TF_FLOAT, new Float32Array(side * side).fill(1 / side));
  const axes = binding.createTensor([2], TF_INT32, Int32Array.of(0, 1));
  const tensors = [input, axes];
  const execute = (op: string, inputs: readonly number[], attributes: readonly Attribute[]): number => {
    const ofFloats = [{ name: "T", type: TF_ATTR_TYPE, value: TF_FLOAT }, ...attributes];
    const { id } = present(binding.executeOp(op, ofFloats, inputs, 1)[0], "an op has an output");
    tensors.push(id);
    return id;
  };
  try {
    const began = performance.now();
    const result = execute(
      "MatMul",
      [input, input],
      [
        { name: "transpose_a", type: TF_ATTR_BOOL, value: false },
        { name: "transpose_b", type: TF_ATTR_BOOL, value: false },
      ],
    );
    // A GPU is done when a number that depends on all of it is here.
    const sum = execute(
      "Sum",
      [result, axes],
      [
        { name: "keep_dims", type: TF_ATTR_BOOL, value: false },
        { name: "Tidx", type: TF_ATTR_TYPE, value: TF_INT32 },
      ],
    );
    binding.tensorDataSync(sum);
    return performance.now() - began;
  } finally {
    for (const tensor of tensors) binding.deleteTensor(tensor);
  }
}
