/**
 * What happens to a worker and what it does about it. `P` stands for a partial (a gradient over the whole vector),
 * `B` for the values of one block: Float32Arrays in production, expressions in the simulator.
 */
import type { BlockIndex, Digest, Generation, Leaf, Step, WorkerId } from "../base/ids.ts";
import type { StepScalars } from "../step/lineage.ts";
import type { Tally } from "../step/tally.ts";
import type { SubtreeKey } from "../step/tree.ts";
import type { CoordinatorMessage, Frame, Plan, Position, Sample, WorkerMessage } from "../wire/messages.ts";

export type MemberEvent<P, B> =
  /** The coordinator has admitted this worker on a new connection. */
  | { readonly kind: "connected" }
  | { readonly kind: "messageReceived"; readonly message: CoordinatorMessage }
  | { readonly kind: "frameReceived"; readonly from: WorkerId; readonly frame: Frame<B> }
  | { readonly kind: "linkOpened"; readonly peer: WorkerId }
  | { readonly kind: "linkClosed"; readonly peer: WorkerId }
  | { readonly kind: "leafComputed"; readonly step: Step; readonly leaf: Leaf; readonly partial: P; readonly tally: Tally }
  | { readonly kind: "partialsAdded"; readonly step: Step; readonly subtree: SubtreeKey; readonly partial: P }
  | ({
      readonly kind: "blockAveraged";
      readonly generation: Generation;
      readonly step: Step;
      readonly block: BlockIndex;
    } & AveragedBlock<B>)
  | { readonly kind: "updateApplied"; readonly step: Step }
  | { readonly kind: "stateLoaded"; readonly position: Position }
  | { readonly kind: "stateLoadFailed"; readonly position: Position; readonly reason: string }
  | { readonly kind: "leafEvaluated"; readonly position: Position; readonly leaf: number; readonly tally: Tally }
  | { readonly kind: "samplesWritten"; readonly position: Position; readonly samples: readonly Sample[] };

/** The average of one block: its values, their SHA-256 and Σx² (float64, index order). */
export interface AveragedBlock<B> {
  readonly values: B;
  readonly digest: Digest;
  readonly sumOfSquares: number;
}

export type MemberEffect<P, B> =
  | { readonly kind: "send"; readonly message: WorkerMessage }
  | { readonly kind: "sendFrame"; readonly to: WorkerId; readonly frame: Frame<B> }
  /** Keep links to these members and to no other. */
  | { readonly kind: "setRoutes"; readonly plan: Plan }
  /** The frame is not one that the plan allows: close the link and report. */
  | { readonly kind: "refuseFrame"; readonly from: WorkerId; readonly reason: string }
  | { readonly kind: "computeLeaf"; readonly step: Step; readonly leaf: Leaf }
  /** Add, then release both summands. */
  | { readonly kind: "addPartials"; readonly step: Step; readonly subtree: SubtreeKey; readonly left: P; readonly right: P }
  /** Add the parts in tree order and divide by the targets. */
  | {
      readonly kind: "averageBlock";
      readonly generation: Generation;
      readonly step: Step;
      readonly block: BlockIndex;
      readonly parts: ReadonlyMap<SubtreeKey, B>;
      readonly targets: number;
    }
  | {
      readonly kind: "applyUpdate";
      readonly step: Step;
      readonly scalars: StepScalars;
      readonly isSkipped: boolean;
      /** In block order. */
      readonly averages: readonly B[];
    }
  | { readonly kind: "release"; readonly partial: P }
  | { readonly kind: "loadState"; readonly position: Position; readonly donor: WorkerId | undefined }
  | { readonly kind: "serveState"; readonly position: Position; readonly receiver: WorkerId | undefined }
  | { readonly kind: "evaluateLeaves"; readonly position: Position; readonly leaves: readonly number[] }
  | { readonly kind: "writeSamples"; readonly position: Position }
  | { readonly kind: "stop"; readonly reason: string }
  /** A transition worth counting: for the log, metrics and the simulator's coverage. */
  | { readonly kind: "note"; readonly transition: MemberTransition };

export type MemberTransition =
  | "step-started"
  | "partials-resent"
  | "averages-served"
  | "prepared"
  | "applied"
  | "stale-frame"
  | "early-frame"
  | "duplicate-frame"
  | "refused-frame"
  | "partial-dropped"
  | "stale-plan"
  | "commit-after-reconnect";
