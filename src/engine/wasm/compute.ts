/**
 * A trainer's work where there is no TensorFlow: the model runs eagerly on the backend that tfjs has been given. State
 * lies in vectors of the host; its parameters are uploaded once an update. Synchronous, and all of it on one thread.
 */
import {
  dispose,
  keep,
  sum,
  type Tensor,
  type Tensor1D,
  tensor,
  tensor1d,
  tensor2d,
  tidy,
  valueAndGrads,
  zeros,
} from "@tensorflow/tfjs-core";
import { assert, present } from "../../base/assert.ts";
import type { Config } from "../../config/options.ts";
import type { LeafBatch } from "../../data/leaf.ts";
import { noDropout, seededDropout } from "../../model/dropout.ts";
import { sequenceLosses } from "../../model/loss.ts";
import { createModel, type Parameters } from "../../model/model.ts";
import { modelLayout } from "../../model/parameters.ts";
import type { Compute, Vectors } from "../compute.ts";
import { portableKernels } from "../kernels/portable.ts";
import { leafSeed } from "../leaf-seed.ts";
import type { Arithmetic } from "../simd.ts";

import { update } from "./update.ts";

/** Expects `load` first. */
export function createEagerCompute(config: Config, vocabulary: number, arithmetic: Arithmetic): Compute {
  const S = config["step.sequences"];
  const C = config["model.context"];
  const model = createModel(config, portableKernels);
  const layout = modelLayout(config, vocabulary);
  const vector = (isThere: boolean): Float32Array => new Float32Array(isThere ? layout.size : 0);
  const state: Vectors = { weights: vector(true), moment1: vector(true), moment2: vector(config["optimizer.kind"] === "adamw") };
  let parameters: readonly Tensor[] = [];
  const emptyMemory = (): readonly Tensor[] => model.memory.map((shape) => zeros([...shape]));
  /** What the model remembers of the text that is decoded. */
  let memory = emptyMemory();

  /** New tensors each time: the backend keeps products' right-hand sides in another order, by tensor. */
  const upload = (): void => {
    dispose([...parameters]);
    parameters = layout.parameters.map(({ offset, size, shape }) => tensor(state.weights.slice(offset, offset + size), [...shape]));
  };
  const byName = (tensors: readonly Tensor[]): Parameters => {
    const map = new Map(layout.parameters.map(({ name }, i) => [name, tensors[i]]));
    return <T extends Tensor>(name: string) => present(map.get(name), `the layout has ${name}`) as T; // its shape is the layout's
  };
  const losses = (tensors: readonly Tensor[], batch: LeafBatch, dropout = noDropout): Tensor1D => {
    const p = byName(tensors);
    const tokens_SC = tensor2d(batch.tokens, [S, C], "int32");
    const logits_NV = model.output(p, model.hidden(p, tokens_SC, dropout));
    return sequenceLosses(portableKernels, logits_NV, tensor2d(batch.targets, [S, C], "int32"));
  };

  return {
    load(from) {
      state.weights.set(from.weights);
      state.moment1.set(from.moment1);
      state.moment2.set(from.moment2);
      upload();
    },

    save(into) {
      if (into.weights.length > 0) into.weights.set(state.weights);
      if (into.moment1.length > 0) into.moment1.set(state.moment1);
      if (into.moment2.length > 0) into.moment2.set(state.moment2);
    },

    leaf(batch, gradient) {
      assert(gradient.length === layout.size, "a gradient of another model");
      return tidy(() => {
        const share = config["model.dropout"];
        const seed = (): Tensor1D => tensor1d(leafSeed(config.seed, config["step.leaves"], batch.step, batch.leaf), "int32");
        const dropout = share > 0 ? seededDropout(portableKernels, share, seed()) : noDropout;
        let values: Float32Array = new Float32Array();
        const { grads } = valueAndGrads((...tensors: Tensor[]) => {
          const losses_S = losses(tensors, batch, dropout);
          values = losses_S.dataSync<"float32">();
          return sum(losses_S);
        })([...parameters]);
        for (const [i, { offset }] of layout.parameters.entries())
          gradient.set(present(grads[i], "a slope a parameter").dataSync<"float32">(), offset);
        arithmetic.flushSubnormals(gradient);
        return values;
      });
    },

    add: (out, left, right) => arithmetic.addInto(out, left, right),

    apply(average, scalars) {
      update(config, layout, state, average, scalars);
      // Moments that fade away become subnormal, with which processors compute a hundred times slower.
      for (const vector of [state.weights, state.moment1, state.moment2]) arithmetic.flushSubnormals(vector);
      upload();
    },

    evaluate: (batch) => tidy(() => losses(parameters, batch).dataSync<"float32">()),

    decode(token, position) {
      const before = memory;
      const logits = tidy(() => {
        const remembered = position === 0 ? emptyMemory() : before;
        const next = model.next(byName(parameters), tensor1d([token], "int32"), tensor1d([position], "int32"), remembered);
        memory = next.memory.map((tensor) => keep(tensor));
        return model.output(byName(parameters), next.hidden_1D).dataSync<"float32">();
      });
      dispose([...before]);
      return logits;
    },
  };
}
