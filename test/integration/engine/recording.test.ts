/** What cannot be recorded is refused with its reason; it would be frozen into the step and silently wrong. */
import { add, mul, randomUniform, relu, type Tensor, tensor1d, zeros } from "@tensorflow/tfjs-core";
import { beforeAll, expect, test } from "vitest";
import { Graph } from "../../../src/engine/recorder/graph.ts";
import { Recording } from "../../../src/engine/recorder/recording.ts";
import type { EagerBackend } from "../../../src/engine/recorder/step-graph.ts";
import { loadTfjs } from "../../../src/engine/tfjs/tfjs.ts";

let backend: EagerBackend;
beforeAll(() => {
  backend = loadTfjs().backend() as unknown as EagerBackend;
});

/** Records a function of one input. */
function record(body: (x: Tensor) => Tensor): Graph {
  const graph = new Graph();
  const { binding } = backend;
  const recording = new Recording(graph, binding);
  const idOf = (tensor: Tensor): number => backend.getInputTensorIds([tensor])[0] as number;
  const x = zeros([100]);
  recording.name(idOf(x), graph.placeholder("x", 1, [100]));
  backend.binding = recording.binding;
  try {
    recording.node(idOf(body(x)));
  } finally {
    backend.binding = binding;
  }
  return graph;
}

test("a function of its input: its ops in order, a uniform constant as Fill", () => {
  const ops = record((x) => relu(mul(add(x, 1), tensor1d(new Float32Array(100).fill(3))))).nodes.map(({ op }) => op);
  expect(ops).toEqual(["Placeholder", "Const", "Add", "Const", "Const", "Fill", "Mul", "Relu"]);
});

test("a tensor from outside that TensorFlow has already: refused", () => {
  const outside = relu(tensor1d([1, 2]));
  expect(() => record(() => relu(outside))).toThrow(expect.objectContaining({ code: "step-not-recordable" }));
});

test("random numbers of tfjs: refused, they would be the same in each step", () => {
  expect(() => record((x) => add(x, randomUniform([100])))).toThrow(expect.objectContaining({ code: "step-not-recordable" }));
});

test("a random op of TensorFlow: refused", () => {
  const random = (): Tensor => backend.binding.executeOp("RandomUniform", [], [], 1) as unknown as Tensor;
  expect(() => record(random)).toThrow(expect.objectContaining({ code: "step-not-recordable" }));
});
