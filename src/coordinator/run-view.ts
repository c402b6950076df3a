/**
 * A run as somebody sees it who only looks: what it is, where it stands, and in words what is missing or damaged. Made
 * from the run directory without its lock, so every part may be absent.
 */
import type { Digest, Step } from "../base/ids.ts";
import type { Config } from "../config/options.ts";
import { addTallies, type Tally } from "../step/tally.ts";
import type { RunAbout } from "./run-identity.ts";

/** `none`: a folder without a run. */
export type RunState = "training" | "finished" | "stopped" | "damaged" | "none";

/** The sums of a committed step, or of an evaluation after `step` updates. */
export interface CurvePoint {
  readonly step: Step;
  readonly tally: Tally;
}

/** The sums over all points. */
export function sumOf(points: readonly CurvePoint[]): Tally {
  return points.reduce<Tally>((sum, { tally }) => addTallies(sum, tally), []);
}

/** What a run learns from, as far as its manifest or its newest checkpoint say. */
export interface RunData {
  /** In the order of tallies. */
  readonly languages: readonly string[];
  readonly tokenizerSha256: Digest | undefined;
  readonly vocabulary: number | undefined;
  /** What is held back of each language, to tell whether two runs validate on the same text; undefined without a manifest. */
  readonly validation: ReadonlyMap<string, { readonly documents: number; readonly textBytes: number }> | undefined;
}

export interface RunView {
  readonly folder: string;
  readonly state: RunState;
  /** The process that trains it now. */
  readonly holder: string | undefined;
  readonly about: RunAbout | undefined;
  readonly config: Config | undefined;
  readonly data: RunData | undefined;
  readonly parameters: number | undefined;
  readonly committed: Step;
  /** Steps that it was last asked for. */
  readonly steps: Step | undefined;
  /** Targets of all committed steps. */
  readonly tokens: number;
  /** Committed steps, ascending; all, or as many of the last as were asked for. */
  readonly trained: readonly CurvePoint[];
  /** Evaluations of the validation split, ascending. */
  readonly evaluated: readonly CurvePoint[];
  /** Members of the last generation. */
  readonly workers: number | undefined;
  /** Targets a second: the median of what was recorded. */
  readonly tokensPerSecond: number | undefined;
  readonly activeMs: number | undefined;
  /** Size on disk. */
  readonly bytes: number;
  readonly checkpoint: Step | undefined;
  /** What is wrong or missing, in words. */
  readonly notes: readonly string[];
}

export interface StateFacts {
  readonly isThere: boolean;
  readonly isDamaged: boolean;
  readonly holder: string | undefined;
  readonly committed: Step;
  readonly steps: Step | undefined;
  readonly checkpoint: Step | undefined;
}

/** A run is finished when the steps that it was asked for are committed and in a checkpoint. */
export function stateOf({ isThere, isDamaged, holder, committed, steps, checkpoint }: StateFacts): RunState {
  if (holder !== undefined) return "training";
  if (isDamaged) return "damaged";
  if (!isThere) return "none";
  return steps !== undefined && committed >= steps && checkpoint === committed ? "finished" : "stopped";
}
