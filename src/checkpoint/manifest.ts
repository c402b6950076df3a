/**
 * A checkpoint's manifest: what the checkpoint is and the size and SHA-256 of each of its files, so that a reader
 * trusts nothing it did not check. It holds its own hash too: a changed step number is found like a changed weight.
 */
import type { Sha256 } from "../base/digest.ts";
import type { Digest, Language, RunId, Step } from "../base/ids.ts";

/** What a checkpoint is a state of. */
export interface CheckpointAbout {
  readonly run: RunId;
  readonly step: Step;
  readonly lineage: Digest;
  /** Digest of the numeric class. */
  readonly numericClass: Digest;
  /** Sequences of each language in the steps before `step`. */
  readonly sequences: Readonly<Record<Language, number>>;
}

export interface CheckpointManifest extends CheckpointAbout {
  readonly version: 1;
  /** Of the flat vector of weights, float32 little-endian, in layout order. */
  readonly weightsSha256: Digest;
  readonly files: Readonly<Record<string, FileSeal>>;
}

export interface FileSeal {
  readonly bytes: number;
  readonly sha256: Digest;
}

export function encodeManifest(sha256: Sha256, manifest: CheckpointManifest): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ ...manifest, sha256: ownHash(sha256, manifest) }, undefined, 2)}\n`);
}

/** The manifest, or in words what is wrong with the bytes. */
export function decodeManifest(sha256: Sha256, bytes: Uint8Array): CheckpointManifest | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return "manifest.json is not JSON";
  }
  if (typeof parsed !== "object" || parsed === null || !("sha256" in parsed)) return "manifest.json has no sha256";
  const { sha256: stated, ...manifest } = parsed;
  const found = ownHash(sha256, manifest);
  if (stated !== found) return `manifest.json has sha256 ${found}, it says ${String(stated)}`;
  if (!("version" in manifest) || manifest.version !== 1) return "manifest.json is of another version than 1";
  // Its own hash holds, so it was written by encodeManifest of this version, which takes nothing but a manifest.
  return manifest as CheckpointManifest;
}

/** `step-000200`; names sort as steps do up to 999,999, and `stepOfName` orders them beyond. */
export function checkpointName(step: Step): string {
  return `step-${String(step).padStart(6, "0")}`;
}

/** The step of a checkpoint's name; undefined for any other name. */
export function stepOfName(name: string): Step | undefined {
  const match = /^step-(\d{6,})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

function ownHash(sha256: Sha256, manifest: object): Digest {
  return sha256([new TextEncoder().encode(JSON.stringify(manifest))]);
}
