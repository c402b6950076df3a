/** The records of a run's log, in the order in which they became true. What no record says did not happen. */
import type { BlockIndex, Digest, Generation, Leaf, Step, WorkerId } from "../base/ids.ts";
import type { Tally } from "../step/tally.ts";
import type { CommittedStep } from "./cluster-events.ts";

export type RunRecord =
  /** A life of the coordinator begins; on disk before it speaks. */
  | { readonly kind: "term"; readonly term: number; readonly timeMs: number }
  | GenerationRecord
  | ({ readonly kind: "step" } & CommittedStep)
  | { readonly kind: "evaluation"; readonly step: Step; readonly lineage: Digest; readonly tally: Tally }
  /** A checkpoint is whole on disk. */
  | { readonly kind: "checkpoint"; readonly step: Step; readonly name: string; readonly weightsSha256: Digest };

/** Who took part from here on, and why that changed. */
export interface GenerationRecord {
  readonly kind: "generation";
  readonly generation: Generation;
  readonly step: Step;
  readonly members: readonly { readonly worker: WorkerId; readonly leaves: readonly Leaf[]; readonly blocks: readonly BlockIndex[] }[];
  readonly reason: string;
}

/** Fields that each kind of record must have, by the type of their values. */
const fields: { readonly [K in RunRecord["kind"]]: Readonly<Record<string, "number" | "string" | "boolean" | "array" | "object">> } = {
  term: { term: "number", timeMs: "number" },
  generation: { generation: "object", step: "number", members: "array", reason: "string" },
  step: {
    step: "number",
    lineageBefore: "string",
    lineage: "string",
    averageDigest: "string",
    scalars: "object",
    isSkipped: "boolean",
    gradientNorm: "number",
    tally: "array",
    course: "string",
    leafWorkers: "array",
    computations: "array",
  },
  evaluation: { step: "number", lineage: "string", tally: "array" },
  checkpoint: { step: "number", name: "string", weightsSha256: "string" },
};

/** The record, or undefined when another version wrote it. Its bytes were checked already, so its depths are trusted. */
export function parseRecord(value: unknown): RunRecord | undefined {
  if (typeof value !== "object" || value === null || !("kind" in value) || !isKind(value.kind)) return undefined;
  const entries = new Map<string, unknown>(Object.entries(value));
  const isWhole = Object.entries(fields[value.kind]).every(([name, type]) => {
    const field = entries.get(name);
    return type === "array" ? Array.isArray(field) : typeof field === type && field !== null;
  });
  // Every field of this kind is there with its type.
  return isWhole ? (value as RunRecord) : undefined;
}

function isKind(kind: unknown): kind is RunRecord["kind"] {
  return typeof kind === "string" && Object.hasOwn(fields, kind);
}
