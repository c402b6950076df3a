/**
 * Who says what to whom. Control messages travel between a worker and the coordinator, frames between workers; both
 * are plain values here, and the codec is somewhere else. `proto/PROTOCOL.md` says when each may be sent.
 */
import type { BlockIndex, Digest, Generation, Leaf, Step, WorkerId } from "../base/ids.ts";
import type { StepScalars } from "../step/lineage.ts";
import type { Tally } from "../step/tally.ts";
import type { SubtreeKey } from "../step/tree.ts";
import type { Phase } from "../telemetry/phase.ts";

/** A state by name: `step` updates were applied, and `lineage` says which. */
export interface Position {
  readonly step: Step;
  readonly lineage: Digest;
}

/** A finished average, as a member knows it: what all members must agree on before the step is committed. */
export interface PreparedStep {
  readonly step: Step;
  readonly digest: Digest;
  /** Σx² of the average, blocks added in block order (float64). Not finite: the average is not. */
  readonly sumOfSquares: number;
  readonly tally: Tally;
}

/** What one member does in a generation. */
export interface Assignment {
  readonly worker: WorkerId;
  readonly leaves: readonly Leaf[];
  readonly blocks: readonly BlockIndex[];
}

/** The whole truth about a generation; never a change to the one before. */
export interface Plan {
  readonly generation: Generation;
  /** The step that the generation starts with, and the lineage of the state before it. */
  readonly step: Step;
  readonly lineage: Digest;
  readonly members: readonly Assignment[];
  /** Members that have prepared the step already. The first sends its averages to those that have not; empty: redo. */
  readonly finishFrom: readonly WorkerId[];
}

export type CoordinatorMessage =
  | ({ readonly kind: "plan" } & Plan)
  /** The step is final. After applying it, members start the next step, or wait for a plan when `hold`. */
  | {
      readonly kind: "commit";
      readonly step: Step;
      readonly digest: Digest;
      readonly scalars: StepScalars;
      readonly isSkipped: boolean;
      readonly lineageAfter: Digest;
      readonly hold: boolean;
    }
  /** Get the state at `position`: from a member, or when `donor` is undefined from the coordinator's store. */
  | { readonly kind: "load"; readonly position: Position; readonly donor: WorkerId | undefined }
  /** Copy your state at `position` and send it to `receiver`; undefined: to the coordinator, as a checkpoint. */
  | { readonly kind: "serve"; readonly position: Position; readonly receiver: WorkerId | undefined }
  /** Evaluate these leaves of the validation split with the state at `position`. */
  | { readonly kind: "evaluate"; readonly position: Position; readonly leaves: readonly number[] }
  /** Write a sample text in each language with the state at `position`. */
  | { readonly kind: "sample"; readonly position: Position }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "stop"; readonly reason: string };

export type WorkerMessage =
  /** Able to take part. Without a position it has no state yet. Sent after every connect and after every load. */
  | { readonly kind: "ready"; readonly position: Position | undefined; readonly prepared: PreparedStep | undefined }
  | ({ readonly kind: "prepared"; readonly generation: Generation; readonly computed: readonly Leaf[] } & PreparedStep)
  | { readonly kind: "loadFailed"; readonly position: Position; readonly reason: string }
  | { readonly kind: "evaluated"; readonly position: Position; readonly leaf: number; readonly tally: Tally }
  | { readonly kind: "sampled"; readonly position: Position; readonly samples: readonly Sample[] }
  /** The link to a member cannot be opened; said again on a new connection. Each time a link opens: linkUp. */
  | { readonly kind: "linkDown"; readonly peer: WorkerId }
  | { readonly kind: "linkUp"; readonly peer: WorkerId }
  | { readonly kind: "leaving" }
  /** What the worker spends its time on at this moment: for live views, no decision rests on it. */
  | { readonly kind: "heartbeat"; readonly phase: Phase };

export interface Sample {
  readonly language: string;
  readonly text: string;
}

/** What every frame about a step names. A frame that names an older generation or step is stale and dropped. */
export interface FrameHead {
  readonly generation: Generation;
  readonly step: Step;
  readonly lineage: Digest;
  readonly block: BlockIndex;
}

/** Worker to worker. `B` is what stands for a block's values: a Float32Array, in the simulator an expression. */
export type Frame<B> =
  | ({ readonly kind: "partial"; readonly subtree: SubtreeKey; readonly tally: Tally; readonly values: B } & FrameHead)
  | ({
      readonly kind: "average";
      readonly tally: Tally;
      readonly digest: Digest;
      readonly sumOfSquares: number;
      readonly values: B;
    } & FrameHead);
