/** The trainer port in front of a compute thread, on any backend: hands out shared vectors and sends calls in order. */
import { assert, present } from "../../base/assert.ts";
import type { Config } from "../../config/options.ts";
import type { LeafBatch } from "../../data/leaf.ts";
import { modelLayout } from "../../model/parameters.ts";
import { allocateFlatVector } from "../flat-vector.ts";
import type { NumericClass, State, Trainer } from "../trainer.ts";
import { type ComputeThread, openThread } from "./compute-thread.ts";
import { modelOn } from "./open-model.ts";

export interface TrainerInput {
  readonly config: Config;
  readonly vocabulary: number;
  /** Leaf 0 of step 0: what the numeric class is probed with. */
  readonly probeBatch: LeafBatch;
}

export interface EngineTrainer extends Trainer {
  /** Tensors that the engine holds for us: constant between calls, or something leaks. */
  tensorCount(): Promise<number>;
  /** Floating-point operations a second that one large product reached when the engine was opened. */
  readonly matrixPeak: number;
}

/**
 * Starts the compute thread, records the step where TensorFlow computes, and probes it. The state is that of step 0. Fails with `no-tensorflow`,
 * `recorder-failed`, `step-not-recordable` or `compute-failed`; a trainer whose thread dies later fails with `compute-lost`.
 */
export async function openTrainer({ config, vocabulary, probeBatch }: TrainerInput): Promise<EngineTrainer> {
  const { thread, numericClass } = await openThread({ config, vocabulary, purpose: "train", probeBatch });
  try {
    const matrixPeak = (await thread.call({ kind: "matrixPeak" })) as number; // what it answers
    const { size } = modelLayout(config, vocabulary);
    return trainerOn(thread, config, size, present(numericClass, "a trainer is probed"), matrixPeak);
  } catch (error) {
    await thread.close();
    throw error;
  }
}

function trainerOn(thread: ComputeThread, config: Config, size: number, numericClass: NumericClass, matrixPeak: number): EngineTrainer {
  const lent = new Set<Float32Array>();
  const free: Float32Array[] = [];
  const allocate = (): Float32Array => {
    const vector = free.pop() ?? allocateFlatVector(size);
    lent.add(vector);
    return vector;
  };
  const release = (vector: Float32Array): void => {
    assert(lent.delete(vector), "released a vector that is not lent");
    free.push(vector);
  };
  const secondMoment = config["optimizer.kind"] === "adamw" ? size : 0;

  return {
    size,
    numericClass,
    matrixPeak,
    allocate,
    release,
    async load(state) {
      const { weights, moment1, moment2 } = state;
      assert(weights.length === size && moment1.length === size && moment2.length === secondMoment, "a state of another model");
      await thread.call({ kind: "load", state: { weights, moment1, moment2 } });
    },
    async snapshot(step) {
      const state: State = {
        step,
        weights: allocateFlatVector(size),
        moment1: allocateFlatVector(size),
        moment2: allocateFlatVector(secondMoment),
      };
      await thread.call({ kind: "save", state });
      return state;
    },
    async computeLeaf(batch) {
      const gradient = allocate();
      try {
        return { gradient, losses: (await thread.call({ kind: "leaf", batch, gradient })) as Float32Array }; // what it answers
      } catch (error) {
        release(gradient);
        throw error;
      }
    },
    async add(left, right) {
      const out = allocate();
      await thread.call({ kind: "add", out, left, right });
      return out;
    },
    async apply(average, scalars) {
      await thread.call({ kind: "apply", average, scalars });
    },
    tensorCount: async () => (await thread.call({ kind: "tensorCount" })) as number, // what it answers
    ...modelOn(thread, config),
  };
}
