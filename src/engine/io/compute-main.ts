/** The compute thread: the only one that loads TensorFlow. Calls are carried out one by one, in the order they come. */
import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import { sha256, sha256OfValues } from "../../base/io/sha256.ts";
import { initialWeights } from "../../model/initial.ts";
import { modelLayout } from "../../model/parameters.ts";
import type { Vectors } from "../compute.ts";
import { allocateFlatVector } from "../flat-vector.ts";
import { matrixPeak } from "../matrix-peak.ts";
import { numericClassOf } from "../numeric-class.ts";
import { stepScalars } from "../schedule.ts";
import { createArithmetic } from "../simd.ts";
import type { NumericClass } from "../trainer.ts";
import type { ComputeAnswer, ComputeCall, ComputeThreadInput } from "./compute-protocol.ts";
import type { Engine } from "./engine.ts";
import { loadTensorFlow } from "./tensorflow-engine.ts";
import { loadWasm } from "./wasm-engine.ts";

const port = present(parentPort ?? undefined, "this file runs as a thread");
const input = workerData as ComputeThreadInput; // open-trainer.ts sets it
const { config, vocabulary } = input;
const arithmetic = createArithmetic();
// Calls that come meanwhile wait until there is a listener.
const loaded = input.backend === "wasm" ? await loadWasm(config, vocabulary, arithmetic) : loadTensorFlow(config, arithmetic, input.flags);
let opened: Engine | undefined;

port.on("message", (call: ComputeCall) => {
  port.postMessage(answer(call));
  if (call.kind === "close") port.close();
});

function answer(call: ComputeCall): ComputeAnswer {
  try {
    return { kind: "done", value: carryOut(call) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error.message.startsWith("assertion failed")) throw error; // a bug stops the thread
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    if (error instanceof BabelgradError) return { kind: "failed", code: error.code, message: error.message, cause };
    return { kind: "failed", code: "compute-failed", message: `the engine failed to ${call.kind}`, cause: error.message };
  }
}

function carryOut(call: ComputeCall): Float32Array | NumericClass | number | undefined {
  if (call.kind === "open") return open(call.graph);
  if (call.kind === "close") {
    (opened ?? loaded).close();
    return undefined;
  }
  const { compute, tensorCount, timeProduct } = present(opened, "the thread is opened first");
  switch (call.kind) {
    case "load":
      compute.load(call.state);
      return undefined;
    case "save":
      compute.save(call.state);
      return undefined;
    case "leaf":
      return compute.leaf(call.batch, call.gradient);
    case "add":
      compute.add(call.out, call.left, call.right);
      return undefined;
    case "apply":
      compute.apply(call.average, call.scalars);
      return undefined;
    case "evaluate":
      return compute.evaluate(call.batch);
    case "decode":
      return compute.decode(call.token, call.position);
    case "tensorCount":
      return tensorCount();
    case "matrixPeak":
      return matrixPeak(timeProduct);
  }
}

/** Opens the engine; to train, sets the initial state and finds the numeric class by a leaf and an update from there. */
function open(graph: Uint8Array | undefined): NumericClass | undefined {
  opened = loaded.open(graph);
  if (input.probeBatch === undefined) return undefined;
  const { compute, about } = opened;
  const layout = modelLayout(config, vocabulary);
  const moments = config["optimizer.kind"] === "adamw" ? 2 : 1;
  const state: Vectors = {
    weights: allocateFlatVector(layout.size),
    moment1: allocateFlatVector(layout.size),
    moment2: allocateFlatVector(moments > 1 ? layout.size : 0),
  };
  const weights = initialWeights(layout, config.seed);
  state.weights.set(weights);
  compute.load(state);
  const gradient = state.moment1; // all zero again before it is loaded
  compute.leaf(input.probeBatch, gradient);
  const gradientDigest = sha256OfValues(gradient);
  compute.apply(gradient, stepScalars(config, 0, 1));
  compute.save({ weights: state.weights, moment1: new Float32Array(), moment2: new Float32Array() });
  const probe = sha256([new TextEncoder().encode(gradientDigest + sha256OfValues(state.weights))]);
  state.weights.set(weights);
  state.moment1.fill(0);
  compute.load(state);
  return numericClassOf(sha256, { probe, ...about });
}
