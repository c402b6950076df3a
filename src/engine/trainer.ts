/**
 * The trainer port: what a worker asks of whatever computes. The TensorFlow trainer lives in a thread of its own and
 * the simulator has another one; both pass the same contract suite. Calls are carried out in the order they are made.
 * Gradients are sums over targets, not means; handles name gradients that the trainer keeps until `release`.
 */
import type { Digest, Step } from "../base/ids.ts";
import type { LeafBatch } from "../data/leaf.ts";
import type { StepScalars } from "../step/lineage.ts";

/** Describes what the bits depend on besides options and data. `digest` covers the other fields. */
export interface NumericClass {
  readonly digest: Digest;
  /** Digest of the gradient of leaf 0 of step 0 and of the weights after one update with it. */
  readonly probe: Digest;
  readonly backend: string;
  readonly device: string;
  readonly tensorflow: string;
  readonly threads: number;
  readonly flags: string;
}

/** Weights and optimizer state at a step boundary; each vector is float32 [size] in layout order. */
export interface State {
  readonly step: Step;
  readonly weights: Float32Array;
  /** adamw: first and second moment; sgd: momentum and an empty vector. */
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
}

/** A model in use: what can be done with weights alone. */
export type TrainedModel = Pick<Trainer, "evaluate" | "decode" | "close">;

export interface Trainer {
  /** Parameters: length of the flat vector. */
  readonly size: number;
  readonly numericClass: NumericClass;
  /** Sets weights and optimizer state. */
  load(state: State): Promise<void>;
  /** A copy of the state on the host. */
  snapshot(step: Step): Promise<State>;
  /**
   * Forward and backward pass of one leaf. Resolves to the summed gradient, flushed, in shared memory (float32
   * [size], valid until released) and the summed loss of each sequence in nats (float32 [S]).
   */
  computeLeaf(batch: LeafBatch): Promise<{ readonly gradient: Float32Array; readonly losses: Float32Array }>;
  /** left + right (step/arithmetic.ts) in new shared memory; the summands stay as they are. */
  add(left: Float32Array, right: Float32Array): Promise<Float32Array>;
  /** Gives a gradient's memory back. It must not be read afterwards. */
  release(gradient: Float32Array): void;
  /** A shared buffer of `size` values to collect an average in; give it back with `release`. */
  allocate(): Float32Array;
  /** Updates weights and optimizer state with the average. `average` is read before the promise resolves. */
  apply(average: Float32Array, scalars: StepScalars): Promise<void>;
  /** Summed loss of each sequence in nats without dropout (float32 [S]); the state is not changed. */
  evaluate(batch: LeafBatch): Promise<Float32Array>;
  /**
   * Logits [vocabulary] after `token` stands at `position` of a text, without dropout. Position 0 begins a text, each
   * later call goes on with the next position; what the model remembers of the text stays with the trainer. A
   * transformer has positions below `context`, an lstm has no last one.
   */
  decode(token: number, position: number): Promise<Float32Array>;
  close(): Promise<void>;
}
