/** A trainer's work in its compute thread: what every backend does. Synchronous, in the order of the calls. */
import type { LeafBatch } from "../data/leaf.ts";
import type { StepScalars } from "../step/lineage.ts";

/** Weights and moments, float32 [size] each; the second moment is empty for sgd. */
export interface Vectors {
  readonly weights: Float32Array;
  readonly moment1: Float32Array;
  readonly moment2: Float32Array;
}

export interface Compute {
  load(state: Vectors): void;
  /** Writes the state into `state`. */
  save(state: Vectors): void;
  /** Writes the summed gradient of a leaf into `gradient`, flushed; returns the loss of each sequence. */
  leaf(batch: LeafBatch, gradient: Float32Array): Float32Array;
  add(out: Float32Array, left: Float32Array, right: Float32Array): void;
  apply(average: Float32Array, scalars: StepScalars): void;
  evaluate(batch: LeafBatch): Float32Array;
  /** Logits after `token`; position 0 begins a text. */
  decode(token: number, position: number): Float32Array;
}
