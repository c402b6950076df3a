/** Records of a small run, for the tests of log and history. */
import { type Digest, type RunId, workerId } from "../../../src/base/ids.ts";
import type { RunRecord } from "../../../src/coordinator/run-records.ts";

export const run = "run-1" as RunId;

export function digest(text: string): Digest {
  return Buffer.from(text).toString("hex").padStart(64, "0") as Digest;
}

export function stepRecord(step: number): Extract<RunRecord, { kind: "step" }> {
  return {
    kind: "step",
    step,
    lineageBefore: digest(`L${step}`),
    lineage: digest(`L${step + 1}`),
    averageDigest: digest(`A${step}`),
    scalars: { rate: Math.fround(0.1), beta1Power: 0.5, beta2Power: 0.25, clipScale: 1 },
    isSkipped: false,
    gradientNorm: 1 / 3,
    tally: [{ language: step % 2, sequences: 4, targets: 100, bytes: 300, lossNats: 0.1 + step }],
    course: "plain",
    leafWorkers: [workerId("a"), workerId("b")],
    computations: [1, 1],
  };
}

export function checkpointRecord(step: number): RunRecord {
  return { kind: "checkpoint", step, name: `step-${step}`, weightsSha256: digest("w") };
}
