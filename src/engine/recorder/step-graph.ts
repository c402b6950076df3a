/**
 * The whole graph of a trainer: gradient of a leaf, evaluation, decoding, update, and the state's way in and out. The
 * model's part is recorded from one eager pass each; only shapes matter there, so the eager weights are all zero.
 *
 * Names to feed:  tokens, targets, seed, gradient_out | evaluate_tokens, evaluate_targets | decode_token, decode_position |
 *                 average, clip_scale, rate, beta1_power, beta2_power | new_weights, new_moment1, new_moment2
 * and to fetch:   losses | evaluate_losses | decode_begin, decode_logits | update, update_clipped | load | weights_out … by part
 */
import { concat, reshape, slice, sum, type Tensor, type Tensor1D, type Tensor2D, tidy, valueAndGrads, zeros } from "@tensorflow/tfjs-core";
import { present } from "../../base/assert.ts";
import type { Config } from "../../config/options.ts";
import { noDropout, seededDropout } from "../../model/dropout.ts";
import type { Kernels } from "../../model/kernels.ts";
import type { Layout, Parameter } from "../../model/layout.ts";
import { sequenceLosses } from "../../model/loss.ts";
import { createModel, type Parameters } from "../../model/model.ts";
import { modelLayout } from "../../model/parameters.ts";
import type { Binding } from "../addon.ts";
import { elementType, Graph, type GraphNode, type Variable } from "./graph.ts";
import { Recording } from "./recording.ts";
import { addUpdate, type Part } from "./update-graph.ts";

/** The eager backend, as far as recording needs it. */
export interface EagerBackend {
  binding: Binding;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
}

const cpu = "/device:CPU:0";
const stateNames = ["weights", "moment1", "moment2"] as const;

/** What a graph is for: to train is all of it, with the samples and evaluations of a run. */
export type Purpose = "train" | "evaluate" | "decode";

export function recordStep(
  backend: EagerBackend,
  kernels: Kernels,
  config: Config,
  vocabulary: number,
  purpose: Purpose,
): readonly GraphNode[] {
  const model = createModel(config, kernels);
  const layout = modelLayout(config, vocabulary);
  const S = config["step.sequences"];
  const C = config["model.context"];
  const graph = new Graph();
  const parts = addParts(graph, config, layout);

  /** Records one function of fresh parameters. */
  const record = (body: (recorder: Recorder) => void): void => {
    const binding = backend.binding;
    const recording = new Recording(graph, binding);
    const idOf = (tensor: Tensor): number => present(backend.getInputTensorIds([tensor])[0], "a tensor has a number");
    try {
      tidy(() => {
        const flat = parts.map((part) => {
          const weights = zeros([part.size]);
          recording.name(idOf(weights), graph.read(part.weights));
          return weights;
        });
        backend.binding = recording.binding;
        body({
          parameters: layout.parameters.map((parameter) => parameterTensor(parameter, parts, flat)),
          input(name, shape) {
            const tensor = zeros([...shape], "int32");
            recording.name(idOf(tensor), graph.placeholder(name, elementType.int32, shape));
            return tensor;
          },
          memory(variable) {
            const tensor = zeros([...variable.shape]);
            recording.name(idOf(tensor), graph.read(variable));
            return tensor;
          },
          node: (tensor) => recording.node(idOf(tensor)),
        });
      });
    } finally {
      backend.binding = binding;
    }
  };
  const byName = (tensors: readonly Tensor[]): Parameters => {
    const map = new Map(layout.parameters.map((parameter, i) => [parameter.name, tensors[i]]));
    return <T extends Tensor>(name: string) => present(map.get(name), `the layout has ${name}`) as T; // its shape is the layout's
  };

  const recordLeaf = (): void =>
    record(({ parameters, input, node }) => {
      const tokens_SC = input("tokens", [S, C]) as Tensor2D;
      const targets_SC = input("targets", [S, C]) as Tensor2D;
      const share = config["model.dropout"];
      const dropout = share > 0 ? seededDropout(kernels, share, input("seed", [2]) as Tensor1D) : noDropout;
      let losses = "";
      const { grads } = valueAndGrads((...tensors: Tensor[]) => {
        const p = byName(tensors);
        const losses_S = sequenceLosses(kernels, model.output(p, model.hidden(p, tokens_SC, dropout)), targets_SC);
        losses = node(losses_S);
        return sum(losses_S);
      })([...parameters]);
      const gradient = node(concat(grads.map((slope) => reshape(slope, [-1]))));
      addGradientOut(graph, layout.size, gradient, losses);
    });

  const recordEvaluation = (): void =>
    record(({ parameters, input, node }) => {
      const p = byName(parameters);
      const tokens_SC = input("evaluate_tokens", [S, C]) as Tensor2D;
      const logits_NV = model.output(p, model.hidden(p, tokens_SC, noDropout));
      const losses = node(sequenceLosses(kernels, logits_NV, input("evaluate_targets", [S, C]) as Tensor2D));
      graph.add("Identity", [losses], { T: { type: elementType.float32 } }, "evaluate_losses");
    });

  const recordDecoding = (): void =>
    record(({ parameters, input, memory, node }) => {
      const p = byName(parameters);
      const variables = model.memory.map((shape, i) => graph.variable(`memory${i}`, shape));
      const token_1 = input("decode_token", [1]) as Tensor1D;
      const next = model.next(p, token_1, input("decode_position", [1]) as Tensor1D, variables.map(memory));
      const remembered = next.memory.map((tensor, i) => graph.assign(present(variables[i], "as many as before"), node(tensor)));
      const logits = node(model.output(p, next.hidden_1D));
      graph.add("Identity", [logits, ...remembered.map((name) => `^${name}`)], { T: { type: elementType.float32 } }, "decode_logits");
      const forgotten = variables.map((variable) => graph.assign(variable, graph.zeros(variable.shape)));
      graph.target("decode_begin", forgotten);
    });

  if (purpose === "train") {
    recordLeaf();
    recordEvaluation();
    recordDecoding();
    addUpdate(graph, config, layout.size, parts);
  } else if (purpose === "evaluate") recordEvaluation();
  else recordDecoding();
  addState(graph, layout.size, parts, purpose === "train" ? stateNames : ["weights"]);
  return graph.nodes;
}

interface Recorder {
  readonly parameters: readonly Tensor[];
  input(name: string, shape: readonly number[]): Tensor;
  /** What a variable holds when the function begins. */
  memory(variable: Variable): Tensor;
  node(tensor: Tensor): string;
}

/** Matrices, which decay, and the rest, which does not, have variables of their own. */
function addParts(graph: Graph, config: Config, layout: Layout): readonly Part[] {
  const ranges = [
    { name: "matrices", offset: 0, size: layout.decayedSize, decayed: true },
    { name: "others", offset: layout.decayedSize, size: layout.size - layout.decayedSize, decayed: false },
  ];
  const momentNames = config["optimizer.kind"] === "adamw" ? ["moment1", "moment2"] : ["moment1"];
  return ranges
    .filter(({ size }) => size > 0)
    .map(({ name, ...range }) => {
      const variable = (what: string): Variable => graph.variable(`${name}/${what}`, [range.size]);
      return { ...range, weights: variable("weights"), moments: momentNames.map(variable) };
    });
}

function parameterTensor(parameter: Parameter, parts: readonly Part[], flat: readonly Tensor[]): Tensor {
  const index = parts.findIndex((part) => part.decayed === parameter.decayed);
  const part = present(parts[index], "every parameter is in a part");
  const vector = present(flat[index], "every part has a vector");
  return reshape(slice(vector, [parameter.offset - part.offset], [parameter.size]), [...parameter.shape]);
}

/**
 * The gradient leaves the session by being written into memory that is fed: the caller's shared buffer. Fetching it
 * would allocate, clear and copy it once more. Always on the CPU, where the fed memory is.
 */
function addGradientOut(graph: Graph, size: number, gradient: string, losses: string): void {
  const out = graph.placeholder("gradient_out", elementType.float32, [1, size]);
  const row = graph.float32("Reshape", [gradient, graph.int([1, size])], { Tshape: { type: elementType.int32 } });
  const written = graph.add("InplaceUpdate", [out, graph.int([0]), row], { T: { type: elementType.float32 } }, "gradient_written", cpu);
  graph.add("Identity", [losses, `^${written}`], { T: { type: elementType.float32 } }, "losses");
}

/** Loading copies (DeepCopy), so that a variable never lies in memory of the caller. Reading is by part. */
function addState(graph: Graph, size: number, parts: readonly Part[], names: readonly string[]): void {
  for (const [s, name] of names.entries()) {
    const value = graph.placeholder(`new_${name}`, elementType.float32, [size]);
    const out = graph.placeholder(`${name}_out`, elementType.float32, [1, size]);
    const variables = parts.map((part) => (s === 0 ? part.weights : part.moments[s - 1])).filter((variable) => variable !== undefined);
    if (variables.length === 0) continue;
    const assigned = parts.map((part, i) => {
      const slice = graph.float32("Slice", [value, graph.int([part.offset]), graph.int([part.size])], {
        Index: { type: elementType.int32 },
      });
      return graph.assign(present(variables[i], "a variable a part"), graph.float32("DeepCopy", [slice]));
    });
    graph.target(`load_${name}`, assigned);
    const whole = graph.add("ConcatV2", [...variables.map((variable) => graph.read(variable)), graph.axis(0)], {
      T: { type: elementType.float32 },
      N: { i: variables.length },
      Tidx: { type: elementType.int32 },
    });
    const row = graph.float32("Reshape", [whole, graph.int([1, size])], { Tshape: { type: elementType.int32 } });
    const written = graph.add("InplaceUpdate", [out, graph.int([0]), row], { T: { type: elementType.float32 } }, `${name}_written`, cpu);
    graph.target(`save_${name}`, [written]);
  }
}
