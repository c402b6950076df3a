/** Kernels on WebAssembly, replaced and portable ones, against TensorFlow's: values and slopes. */
import {
  gather,
  matMul,
  mul,
  setBackend,
  square,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  tanh,
  tensor,
  tensor1d,
  transpose,
  valueAndGrads,
} from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { BabelgradError } from "../../../src/base/errors.ts";
import { loadTfjsOnWasm } from "../../../src/engine/io/wasm-engine.ts";
import { type Execute, fusedKernels } from "../../../src/engine/kernels/fused.ts";
import { portableKernels } from "../../../src/engine/kernels/portable.ts";
import type { EagerBackend } from "../../../src/engine/recorder/step-graph.ts";
import { loadTfjs } from "../../../src/engine/tfjs/tfjs.ts";
import type { Kernels } from "../../../src/model/kernels.ts";
import { formulaValues } from "./fixture.ts";

let fused: Kernels;
beforeAll(async () => {
  const backend = loadTfjs().backend() as unknown as EagerBackend & { executeMultipleOutputs: Execute };
  fused = fusedKernels((...call) => backend.executeMultipleOutputs(...call), backend.binding);
  const loaded = await loadTfjsOnWasm();
  if (loaded instanceof BabelgradError) throw loaded;
});

type Formula = (kernels: Kernels, ...inputs: Tensor[]) => Tensor;

/** Value and slopes of the summed, unevenly weighted squares of a function of inputs of these shapes. */
async function slopesOn(backend: string, kernels: Kernels, f: Formula, shapes: readonly (readonly number[])[]): Promise<number[][]> {
  await setBackend(backend);
  const inputs = shapes.map((shape, i) => tensor(formulaValues(sizeOf(shape), [7919, 31, 104729][i] as number, 2), [...shape]));
  const { value, grads } = valueAndGrads((...tensors: Tensor[]) => {
    const result = f(kernels, ...tensors);
    const weights = tensor(
      formulaValues(sizeOf(result.shape), 613, 1).map((value) => value + 1),
      result.shape,
    );
    return sum(mul(square(result), weights));
  })(inputs);
  return [value, ...grads].map((tensor) => Array.from(tensor.dataSync()));
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const products = [false, true].flatMap((isATransposed) =>
  [false, true].flatMap((isBTransposed) =>
    [[], [2, 3]].map((batch): [string, Formula, number[][]] => [
      `product of ${batch.length + 2} axes, ${isATransposed ? "aᵀ" : "a"} ${isBTransposed ? "bᵀ" : "b"}`,
      (_, a, b) => matMul(a, b, isATransposed, isBTransposed),
      [
        [...batch, ...(isATransposed ? [7, 5] : [5, 7])],
        [...batch, ...(isBTransposed ? [9, 7] : [7, 9])],
      ],
    ]),
  ),
);

const cases: readonly [string, Formula, number[][]][] = [
  ...products,
  ["gather with rows taken twice", (_, x) => gather(x, tensor1d([4, 0, 4, 2], "int32")), [[6, 5]]],
  ["five axes, the last in place", (_, x) => transpose(x, [2, 0, 3, 1, 4]), [[2, 4, 3, 5, 6]]],
  ["five axes, the last moved", (_, x) => transpose(x, [4, 2, 0, 1, 3]), [[2, 4, 3, 5, 6]]],
  ["tanh", (_, x) => tanh(mul(x, 12)), [[40, 25]]],
  ["dense", (kernels, x, weight, bias) => kernels.dense(x as Tensor2D, weight as Tensor2D, bias as Tensor1D), [[5, 7], [7, 3], [3]]],
  [
    "dense, transposed",
    (kernels, x, weight) => kernels.dense(x as Tensor2D, weight as Tensor2D, undefined, true),
    [
      [5, 7],
      [3, 7],
    ],
  ],
  ["cross-entropy", (kernels, x) => kernels.crossEntropy(mul(x as Tensor2D, 30), tensor1d([3, 0, 8, 2], "int32")), [[4, 9]]],
];

test.each(cases)("%s: the same on WebAssembly as on TensorFlow", async (_name, f, shapes) => {
  const expected = await slopesOn("tensorflow", fused, f, shapes);
  const actual = await slopesOn("wasm", portableKernels, f, shapes);
  for (const [i, values] of expected.entries()) {
    const scale = Math.max(...values.map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    for (const [k, value] of values.entries()) expect(Math.abs((actual[i]?.[k] ?? Number.NaN) - value)).toBeLessThan(1e-5 * scale);
  }
});

test("uniform values on WebAssembly: those of TensorFlow, in every bit", async () => {
  await setBackend("tensorflow");
  const theirs = fused.uniform([3, 7], tensor1d([-7, 123456789], "int32")).dataSync();
  await setBackend("wasm");
  expect(portableKernels.uniform([3, 7], tensor1d([-7, 123456789], "int32")).dataSync()).toEqual(theirs);
});
