/** What the coordinator remembers of committed steps: the index of the log. It grows with each append. */
import type { Digest, Step } from "../base/ids.ts";
import type { Position } from "../wire/messages.ts";
import type { CommittedStep } from "./cluster-events.ts";

export interface History {
  /** Steps committed. */
  readonly committed: Step;
  /** Lineage before step `step`, for 0 ≤ step ≤ committed; undefined outside. */
  lineageAt(step: Step): Digest | undefined;
  /** The record of a committed step. Only the newest ones are asked for, except while steps are replayed. */
  recordOf(step: Step): CommittedStep | undefined;
  isEvaluated(step: Step): boolean;
  /** The newest whole checkpoint, or the initial state. */
  readonly stored: Position;
}
