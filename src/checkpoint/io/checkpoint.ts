/** A checkpoint on disk, for reading: opened only after every file was found to be what its manifest says. */

import type { Disk, DiskFile } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Digest } from "../../base/ids.ts";
import { RunningHash, sha256 } from "../../base/io/sha256.ts";
import { type CheckpointManifest, decodeManifest, stepOfName } from "../manifest.ts";
import { decodeHeader, headerLength, sizeOf, type TensorPlace } from "../safetensors.ts";
import { readWhole } from "./whole-file.ts";

/** 0 the weights, 1 the first moment (sgd: momentum), 2 the second moment. */
export type Vector = 0 | 1 | 2;
export const vectors: readonly Vector[] = [0, 1, 2];

export const weightsFile = "model.safetensors";
export const optimizerFile = "optimizer.safetensors";
export const tokenizerFile = "tokenizer.json";
export const manifestFile = "manifest.json";

/** Bytes that are read and hashed at a time. */
const pieceBytes = 1 << 20;

export class Checkpoint {
  readonly name: string;
  readonly manifest: CheckpointManifest;
  /** The weights' tensors as the file names them. */
  readonly parameters: readonly TensorPlace[];
  readonly #places: readonly VectorPlace[];

  constructor(name: string, manifest: CheckpointManifest, parameters: readonly TensorPlace[], places: readonly VectorPlace[]) {
    this.name = name;
    this.manifest = manifest;
    this.parameters = parameters;
    this.#places = places;
  }

  /** Bytes of a vector; 0 for one that the optimizer does not have. */
  bytesOf(vector: Vector): number {
    return this.#places[vector]?.bytes ?? 0;
  }

  /** Bytes of a vector from `start`, as they are sent to a worker. */
  async readBytes(vector: Vector, start: number, length: number): Promise<Uint8Array> {
    const place = this.#places[vector];
    if (place === undefined) return new Uint8Array(0);
    return place.file.read(place.start + start, Math.min(length, place.bytes - start));
  }

  async read(vector: Vector): Promise<Float32Array> {
    const bytes = await this.readBytes(vector, 0, this.bytesOf(vector));
    // Read into an array of its own, so it begins where its buffer does. All machines that we run on are little-endian.
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  /** Refuses a checkpoint of another model: names, shapes and order of the parameters must be those of `layout`. */
  requireLayout(layout: readonly TensorPlace[]): void {
    const describe = (p: TensorPlace | undefined) => (p === undefined ? "nothing" : `${p.name} [${p.shape.join(", ")}]`);
    for (let i = 0; i < Math.max(layout.length, this.parameters.length); i++) {
      const [theirs, ours] = [describe(this.parameters[i]), describe(layout[i])];
      if (theirs !== ours) throw new BabelgradError("checkpoint-differs", `${this.name} has ${theirs} where the model has ${ours}`);
    }
  }

  async close(): Promise<void> {
    for (const file of new Set(this.#places.map((place) => place.file))) await file.close();
  }
}

/** Where the values of a vector lie in a file. */
interface VectorPlace {
  readonly file: DiskFile;
  readonly start: number;
  readonly bytes: number;
}

/** Opens and verifies the checkpoint in `folder`, or says in words what is wrong with it: also a file that the disk cannot read. */
export async function openCheckpoint(disk: Disk, folder: string): Promise<Checkpoint | string> {
  try {
    return await openVerified(disk, folder);
  } catch (error) {
    if (error instanceof BabelgradError) return error.message;
    throw error;
  }
}

async function openVerified(disk: Disk, folder: string): Promise<Checkpoint | string> {
  const name = folder.slice(folder.lastIndexOf("/") + 1);
  const manifestBytes = await readWhole(disk, `${folder}/${manifestFile}`);
  if (manifestBytes === undefined) return `${name} has no ${manifestFile}`;
  const manifest = decodeManifest(sha256, manifestBytes);
  if (typeof manifest === "string") return `${name}/${manifest}`;
  const step = stepOfName(name);
  if (step !== undefined && step !== manifest.step) return `${name}/${manifestFile} is of step ${manifest.step}`;
  for (const [file, seal] of Object.entries(manifest.files)) {
    const found = await sealOf(disk, `${folder}/${file}`);
    if (found === undefined) return `${name}/${file} is missing`;
    if (found.bytes !== seal.bytes) return `${name}/${file} has ${found.bytes} bytes, its manifest says ${seal.bytes}`;
    if (found.sha256 !== seal.sha256) return `${name}/${file} has sha256 ${found.sha256}, its manifest says ${seal.sha256}`;
  }
  const weights = await openTensors(disk, `${folder}/${weightsFile}`);
  const moments = await openTensors(disk, `${folder}/${optimizerFile}`);
  const places = weights === undefined || moments === undefined ? undefined : placesOf(weights, moments);
  if (weights !== undefined && places !== undefined) return new Checkpoint(name, manifest, weights.tensors, places);
  await weights?.file.close();
  await moments?.file.close();
  return `${name}/${weights === undefined ? weightsFile : optimizerFile} is not a safetensors file of float32 tensors`;
}

/** Size and hashes of a file, read in pieces; `values` is the hash of what follows the first `skip` bytes. */
export async function sealOf(
  disk: Disk,
  path: string,
  skip = 0,
): Promise<{ readonly bytes: number; readonly sha256: Digest; readonly values: Digest } | undefined> {
  const file = await disk.openExisting(path);
  if (file === undefined) return undefined;
  try {
    const [whole, values] = [new RunningHash(), new RunningHash()];
    let bytes = 0;
    for (;;) {
      const piece = await file.read(bytes, pieceBytes);
      if (piece.length === 0) return { bytes, sha256: whole.end(), values: values.end() };
      whole.add(piece);
      if (bytes + piece.length > skip) values.add(piece.subarray(Math.max(0, skip - bytes)));
      bytes += piece.length;
    }
  } finally {
    await file.close();
  }
}

interface Tensors {
  readonly file: DiskFile;
  readonly tensors: readonly TensorPlace[];
  /** Where the values begin. */
  readonly start: number;
}

async function openTensors(disk: Disk, path: string): Promise<Tensors | undefined> {
  const file = await disk.openExisting(path);
  if (file === undefined) return undefined;
  const length = headerLength(await file.read(0, 8));
  const tensors = length === undefined ? undefined : decodeHeader(await file.read(8, length));
  if (length !== undefined && tensors !== undefined) return { file, tensors, start: 8 + length };
  await file.close();
  return undefined;
}

/** The optimizer's file holds each moment whole, `moment1.NAME` … before `moment2.NAME` …. */
function placesOf(weights: Tensors, moments: Tensors): readonly VectorPlace[] | undefined {
  const bytesOf = (tensors: readonly TensorPlace[]) => 4 * tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const first = moments.tensors.filter(({ name }) => name.startsWith("moment1."));
  const second = moments.tensors.filter(({ name }) => name.startsWith("moment2."));
  const [firstBytes, secondBytes, allBytes] = [bytesOf(first), bytesOf(second), bytesOf(moments.tensors)];
  const isSplit = firstBytes + secondBytes === allBytes && second.every(({ offset }) => 4 * offset >= firstBytes);
  if (!isSplit) return undefined;
  return [
    { file: weights.file, start: weights.start, bytes: bytesOf(weights.tensors) },
    { file: moments.file, start: moments.start, bytes: firstBytes },
    { file: moments.file, start: moments.start + firstBytes, bytes: secondBytes },
  ];
}
