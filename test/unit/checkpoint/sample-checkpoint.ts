/** A small model's checkpoints, for the tests of the store. */

import type { Disk } from "../../../src/base/disk.ts";
import type { BabelgradError } from "../../../src/base/errors.ts";
import type { Digest, RunId } from "../../../src/base/ids.ts";
import type { Vector } from "../../../src/checkpoint/io/checkpoint.ts";
import type { CheckpointWriter } from "../../../src/checkpoint/io/checkpoint-writer.ts";
import { CheckpointStore } from "../../../src/checkpoint/io/store.ts";

export const layout = [
  { name: "embed.weight", shape: [3, 4], offset: 0 },
  { name: "head.weight", shape: [4, 2], offset: 12 },
  { name: "head.bias", shape: [2], offset: 20 },
];
const size = 22;

export function lineageOf(step: number): Digest {
  return String(step).padStart(64, "0") as Digest;
}

export function vectorOf(step: number, vector: Vector): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.fround(step + vector / 7 + i / 3));
}

export async function openStore(
  disk: Disk,
  folder: string,
  keep = 3,
  reports: BabelgradError[] = [],
  tokenizer = new TextEncoder().encode("{}"),
): Promise<CheckpointStore> {
  return CheckpointStore.open({ disk, folder, layout, moments: 2, tokenizer, keep, report: (error) => reports.push(error) });
}

export function aboutOf(step: number) {
  return { run: "run-1" as RunId, step, lineage: lineageOf(step), numericClass: lineageOf(9), sequences: { de: 3 * step, is: step } };
}

/** Sends all vectors in pieces that split values and take turns. */
export async function sendVectors(writer: CheckpointWriter, step: number): Promise<void> {
  for (let at = 0; at < 4 * size; at += 10)
    for (const vector of [1, 0, 2] as const)
      await writer.write(vector, at, new Uint8Array(vectorOf(step, vector).buffer).slice(at, at + 10));
}

export async function writeCheckpoint(store: CheckpointStore, step: number) {
  const writer = await store.begin(aboutOf(step));
  try {
    await sendVectors(writer, step);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return writer.commit();
}
