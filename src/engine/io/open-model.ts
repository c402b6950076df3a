/**
 * A trained model to use and not to train: weights in, evaluation or decoding out. Records only what its use needs, so
 * that it answers seconds sooner than a trainer, and holds no optimizer state.
 */
import { assert } from "../../base/assert.ts";
import type { Config } from "../../config/options.ts";
import type { TrainedModel } from "../trainer.ts";
import { type ComputeThread, openThread } from "./compute-thread.ts";

export interface ModelInput<Use extends "evaluate" | "decode"> {
  readonly config: Config;
  readonly vocabulary: number;
  /** The flat vector, float32 [size] in layout order. */
  readonly weights: Float32Array;
  readonly use: Use;
}

/** Opens a model. Fails as a trainer does: `no-tensorflow`, `recorder-failed`, `compute-failed`; later `compute-lost`. */
export async function openModel<Use extends "evaluate" | "decode">(input: ModelInput<Use>): Promise<Pick<TrainedModel, Use | "close">> {
  const { config, vocabulary, weights, use } = input;
  const { thread } = await openThread({ config, vocabulary, purpose: use, probeBatch: undefined });
  const none = new Float32Array();
  try {
    await thread.call({ kind: "load", state: { weights, moment1: none, moment2: none } });
  } catch (error) {
    await thread.close();
    throw error;
  }
  return modelOn(thread, config);
}

/** What a model in a compute thread can be used for, a trainer's too. */
export function modelOn(thread: ComputeThread, config: Config): TrainedModel {
  return {
    evaluate: async (batch) => (await thread.call({ kind: "evaluate", batch })) as Float32Array, // these calls answer with values
    async decode(token, position) {
      assert(position >= 0 && (config["model.kind"] === "lstm" || position < config["model.context"]), `position ${position} of a text`);
      return (await thread.call({ kind: "decode", token, position })) as Float32Array;
    },
    close: () => thread.close(),
  };
}
