/** Fused kernels against the portable ones beside them: values and slopes, and random values in every bit. */
import { mul, square, sum, type Tensor, type Tensor1D, type Tensor2D, tensor1d, tensor2d, valueAndGrads } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { type Execute, fusedKernels } from "../../../src/engine/kernels/fused.ts";
import { philoxUniform } from "../../../src/engine/kernels/philox.ts";
import { portableKernels } from "../../../src/engine/kernels/portable.ts";
import type { EagerBackend } from "../../../src/engine/recorder/step-graph.ts";
import { loadTfjs } from "../../../src/engine/tfjs/tfjs.ts";
import type { Kernels } from "../../../src/model/kernels.ts";
import { formulaValues } from "./fixture.ts";

let fused: Kernels;
beforeAll(() => {
  const backend = loadTfjs().backend() as unknown as EagerBackend & { executeMultipleOutputs: Execute };
  fused = fusedKernels((...call) => backend.executeMultipleOutputs(...call), backend.binding);
});

/** Value and slopes of the summed squares of a function, as plain numbers. */
function slopesOf(f: (...tensors: Tensor[]) => Tensor, inputs: Tensor[]): number[][] {
  const { value, grads } = valueAndGrads((...tensors: Tensor[]) => sum(square(f(...tensors))))(inputs);
  return [value, ...grads].map((tensor) => Array.from(tensor.dataSync()));
}

function expectClose(actual: number[][], expected: number[][]): void {
  for (const [i, values] of expected.entries())
    for (const [k, value] of values.entries())
      expect(Math.abs((actual[i]?.[k] ?? Number.NaN) - value)).toBeLessThan(1e-5 * Math.max(...values.map(Math.abs)));
}

const matrix = (rows: number, columns: number, factor: number): Tensor2D =>
  tensor2d(formulaValues(rows * columns, factor, 2), [rows, columns]);

for (const isTransposed of [false, true])
  for (const hasBias of [false, true])
    test(`dense, ${isTransposed ? "transposed" : "plain"}, ${hasBias ? "with" : "without"} bias: fused and portable agree`, () => {
      const inputs = [matrix(5, 7, 7919), isTransposed ? matrix(3, 7, 31) : matrix(7, 3, 31), ...(hasBias ? [tensor1d([0.5, -1, 2])] : [])];
      const [ours, theirs] = [fused, portableKernels].map((kernels) =>
        slopesOf((x, weight, bias) => kernels.dense(x as Tensor2D, weight as Tensor2D, bias as Tensor1D | undefined, isTransposed), inputs),
      );
      expectClose(ours ?? [], theirs ?? []);
    });

test("cross-entropy: fused and portable agree", () => {
  const labels = tensor1d([3, 0, 8, 2], "int32");
  const weights = tensor1d([1, 0, -2, 0.5]);
  const [ours, theirs] = [fused, portableKernels].map((kernels) =>
    slopesOf((logits) => mul(kernels.crossEntropy(logits as Tensor2D, labels), weights), [matrix(4, 9, 104729)]),
  );
  expectClose(ours ?? [], theirs ?? []);
});

test.each([
  [0, 0],
  [1, 2],
  [-7, 123456789],
  [2 ** 31 - 1, -(2 ** 31)],
])("uniform values of seed (%i, %i): the same bits", (low, high) => {
  const seed = tensor1d([low, high], "int32");
  expect(fused.uniform([3, 7], seed).dataSync()).toEqual(portableKernels.uniform([3, 7], seed).dataSync());
});

test("uniform values: spread evenly over [0, 1)", () => {
  const values = philoxUniform(5, 6, 10_000);
  expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
  expect(values.reduce((a, b) => a + b) / 10_000).toBeCloseTo(0.5, 1);
});
