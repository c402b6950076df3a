/**
 * The update, as nodes: torch's definitions of AdamW and of SGD with momentum, with decay decoupled and on matrices
 * only. Weights and moments are variables of the session and are changed in place.
 */
import type { Config } from "../../config/options.ts";
import { elementType, type Graph, type Variable } from "./graph.ts";

/** One contiguous part of the flat vector: its variables, and whether it takes decay. */
export interface Part {
  readonly offset: number;
  readonly size: number;
  readonly decayed: boolean;
  readonly weights: Variable;
  readonly moments: readonly Variable[];
}

/** Adds the targets `update` and `update_clipped`; the first leaves out the factor of clipping, which most steps do not need. */
export function addUpdate(graph: Graph, config: Config, size: number, parts: readonly Part[]): void {
  const scalar = (name: string): string => graph.placeholder(name, elementType.float32, []);
  const average = graph.placeholder("average", elementType.float32, [size]);
  const clipScale = scalar("clip_scale");
  const scalars = { rate: scalar("rate"), beta1Power: scalar("beta1_power"), beta2Power: scalar("beta2_power") };
  for (const isClipped of [false, true]) {
    const done = parts.map((part) => {
      const slope = graph.float32("Slice", [average, graph.int([part.offset]), graph.int([part.size])], {
        Index: { type: elementType.int32 },
      });
      return updatePart(graph, config, part, isClipped ? graph.float32("Mul", [slope, clipScale]) : slope, scalars);
    });
    graph.target(isClipped ? "update_clipped" : "update", done);
  }
}

interface ScalarNodes {
  readonly rate: string;
  readonly beta1Power: string;
  readonly beta2Power: string;
}

function updatePart(graph: Graph, config: Config, part: Part, slope: string, scalars: ScalarNodes): string {
  const first =
    part.decayed && config["optimizer.decay"] > 0 ? [`^${decay(graph, config["optimizer.decay"], part.weights, scalars.rate)}`] : [];
  const [moment1, moment2] = part.moments;
  if (config["optimizer.kind"] === "sgd" || moment2 === undefined) {
    const inputs = [part.weights.handle, moment1?.handle ?? "", scalars.rate, slope, graph.float(config["optimizer.momentum"])];
    return graph.float32("ResourceApplyMomentum", [...inputs, ...first]);
  }
  // TensorFlow divides by √v + ε̂ with the correction inside the rate; torch's ε stands after the correction: ε̂ = ε √(1 − β₂ᵗ).
  const correction = graph.float32("Sqrt", [graph.float32("Sub", [graph.float(1), scalars.beta2Power])]);
  const epsilon = graph.float32("Mul", [graph.float(config["optimizer.epsilon"]), correction]);
  const betas = [graph.float(config["optimizer.beta1"]), graph.float(config["optimizer.beta2"])];
  const variables = [part.weights.handle, moment1?.handle ?? "", moment2.handle];
  return graph.float32("ResourceApplyAdam", [
    ...variables,
    scalars.beta1Power,
    scalars.beta2Power,
    scalars.rate,
    ...betas,
    epsilon,
    slope,
    ...first,
  ]);
}

/** weights · (1 − rate · decay), before the step, as torch does it. */
function decay(graph: Graph, share: number, weights: Variable, rate: string): string {
  const factor = graph.float32("Sub", [graph.float(1), graph.float32("Mul", [rate, graph.float(share)])]);
  return graph.assign(weights, graph.float32("Mul", [graph.read(weights), factor]));
}
