/** What happens to the coordinator and what it does about it. */
import type { Digest, Step, WorkerId } from "../base/ids.ts";
import type { StepScalars } from "../step/lineage.ts";
import type { Tally } from "../step/tally.ts";
import type { CoordinatorMessage, Plan, Position, Sample, WorkerMessage } from "../wire/messages.ts";

export type ClusterEvent =
  | { readonly kind: "messageReceived"; readonly worker: WorkerId; readonly message: WorkerMessage }
  /** The worker's connection is closed. */
  | { readonly kind: "workerGone"; readonly worker: WorkerId }
  /** The record is on disk, whatever happens to this process now. */
  | { readonly kind: "recordAppended"; readonly step: Step }
  /** A checkpoint was written and verified, or given up. */
  | { readonly kind: "checkpointEnded"; readonly worker: WorkerId; readonly position: Position; readonly isStored: boolean }
  /** Finish the step, write a checkpoint, end. */
  | { readonly kind: "stopRequested" }
  | { readonly kind: "timeArrived" };

/**
 * How a step came to its end. Redone: a member was lost and its leaves were computed by others. Finished: a member was
 * lost or the coordinator restarted, but a survivor had the whole average already.
 */
export type StepCourse = "plain" | "redone" | "finished";

/** A committed step, as the log keeps it. */
export interface CommittedStep {
  readonly step: Step;
  readonly lineageBefore: Digest;
  readonly lineage: Digest;
  readonly averageDigest: Digest;
  readonly scalars: StepScalars;
  readonly isSkipped: boolean;
  readonly gradientNorm: number;
  readonly tally: Tally;
  readonly course: StepCourse;
  /** Worker that each leaf was assigned to when the step was prepared. */
  readonly leafWorkers: readonly WorkerId[];
  /** How often each leaf was computed by the members that prepared the step. */
  readonly computations: readonly number[];
}

export type ClusterEffect =
  | { readonly kind: "send"; readonly worker: WorkerId; readonly message: CoordinatorMessage }
  | { readonly kind: "append"; readonly record: CommittedStep }
  /** A generation begins: for the log and the routes. */
  | { readonly kind: "recordGeneration"; readonly plan: Plan; readonly reason: string }
  /** A step is committed: report it. Not sent for steps that are replayed. */
  | { readonly kind: "reportStep"; readonly record: CommittedStep }
  | { readonly kind: "reportEvaluation"; readonly position: Position; readonly tally: Tally }
  | { readonly kind: "reportSamples"; readonly position: Position; readonly samples: readonly Sample[] }
  /** Expect the state of this position from the worker, and answer with checkpointEnded. */
  | { readonly kind: "receiveCheckpoint"; readonly position: Position; readonly worker: WorkerId }
  | { readonly kind: "closeWorker"; readonly worker: WorkerId; readonly reason: string }
  | { readonly kind: "finish"; readonly position: Position; readonly isComplete: boolean }
  | { readonly kind: "fail"; readonly code: ClusterFailure; readonly what: string }
  | { readonly kind: "note"; readonly transition: ClusterTransition };

export type ClusterFailure = "replay-differs" | "members-disagree" | "log-behind" | "loss-not-finite";

export type ClusterTransition =
  | "began"
  | "committed"
  | "replayed"
  | "redo"
  | "finish"
  | "survivors-all-prepared"
  | "all-lost"
  | "worker-silent"
  | "lost-while-appending"
  | "lost-at-boundary"
  | "joiner-loads"
  | "joiner-ready"
  | "donor-lost"
  | "load-failed"
  | "returned-in-step"
  | "commit-sent-again"
  | "finish-after-restart"
  | "link-down-evicts"
  | "held"
  | "stale-prepared";
