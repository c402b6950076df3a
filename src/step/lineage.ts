/**
 * Lineage: a chain of digests that names a state by how it came to be. Two members with equal lineage after step s
 * have applied the same averages with the same scalars to the same initial state.
 */
import { digestOf, type Sha256 } from "../base/digest.ts";
import type { Digest } from "../base/ids.ts";

/** The numbers of one update, computed once by the coordinator and carried by the commit. All are float32 values. */
export interface StepScalars {
  readonly rate: number;
  /** beta1^(step + 1) and beta2^(step + 1). */
  readonly beta1Power: number;
  readonly beta2Power: number;
  /** Factor of the average, from clipping by global norm. */
  readonly clipScale: number;
}

/** L₀: what the run is before its first step. `initialState` is the lineage of the state it was forked from; a run of its own begins from its seed. */
export function firstLineage(
  sha256: Sha256,
  run: { resultOptions: string; manifest: Digest; numericClass: Digest; seed: number; initialState?: Digest | undefined },
): Digest {
  const fork = run.initialState === undefined ? [] : [run.initialState];
  return digestOf(sha256, ["babelgrad-lineage", run.resultOptions, run.manifest, run.numericClass, run.seed, ...fork]);
}

/** Lₛ₊₁ from Lₛ, the digest of the average and the scalars of the step; a skipped step changes no weight but the lineage. */
export function nextLineage(sha256: Sha256, lineage: Digest, average: Digest, scalars: StepScalars, isSkipped: boolean): Digest {
  const { rate, beta1Power, beta2Power, clipScale } = scalars;
  return digestOf(sha256, [lineage, average, rate, beta1Power, beta2Power, clipScale, isSkipped ? 1 : 0]);
}

/** Digest of an average: of its blocks' digests, in block order. */
export function averageDigest(sha256: Sha256, blocks: readonly Digest[]): Digest {
  return digestOf(sha256, blocks);
}
