/**
 * Frames as bytes: a little-endian header of known length, then the block's values as float32. The length of a frame
 * follows from its block and its number of tally entries, so everything is checked before anything is allocated.
 * `proto/PROTOCOL.md` has the layout byte by byte.
 */
import { assert, present } from "../base/assert.ts";
import { BabelgradError } from "../base/errors.ts";
import { blockCount, blockRange, blockValues } from "../step/block.ts";
import type { LanguageTally, Tally } from "../step/tally.ts";
import { readDigest, writeDigest } from "./digest-bytes.ts";
import type { Frame, FrameHead } from "./messages.ts";

/** What both ends of a link know from the run: nothing in a frame can exceed it. */
export interface FrameLayout {
  /** Parameters: length of the flat vector. */
  readonly size: number;
  /** Leaves of a step. */
  readonly leaves: number;
  /** Languages of the manifest: the most tally entries. */
  readonly languages: number;
}

/** CRC-32 (zlib's polynomial) of the bytes, going on from the CRC of the bytes before. */
export type Crc32 = (bytes: Uint8Array, before?: number) => number;

export interface EncodedFrame {
  readonly header: Uint8Array;
  /** A view of the frame's values, not a copy. */
  readonly payload: Uint8Array;
}

const kinds = { partial: 1, average: 2 } as const;
const at = { crc: 0, kind: 4, term: 8, count: 12, step: 16, block: 20, subtree: 24, entries: 28, lineage: 32, digest: 64, squares: 96 };
const headBytes = 104;
const entryBytes = 24;

/** The longest frame of a run: what a link accepts at most. */
export function frameBytesMax(layout: FrameLayout): number {
  return headBytes + entryBytes * layout.languages + 4 * Math.min(blockValues, layout.size);
}

export function encodeFrame(layout: FrameLayout, crc32: Crc32, frame: Frame<Float32Array>): EncodedFrame {
  const { start, end } = blockRange(layout.size, frame.block);
  assert(frame.values.length === end - start, `block ${frame.block} with ${frame.values.length} values instead of ${end - start}`);
  const header = new Uint8Array(headBytes + entryBytes * frame.tally.length);
  const view = new DataView(header.buffer);
  view.setUint32(at.kind, kinds[frame.kind], true);
  view.setUint32(at.term, frame.generation.term, true);
  view.setUint32(at.count, frame.generation.count, true);
  view.setUint32(at.step, frame.step, true);
  view.setUint32(at.block, frame.block, true);
  view.setUint32(at.entries, frame.tally.length, true);
  writeDigest(header, frame.lineage, at.lineage);
  if (frame.kind === "partial") view.setUint32(at.subtree, frame.subtree, true);
  else {
    writeDigest(header, frame.digest, at.digest);
    view.setFloat64(at.squares, frame.sumOfSquares, true);
  }
  frame.tally.forEach((entry, i) => {
    writeEntry(view, headBytes + entryBytes * i, entry);
  });
  const payload = new Uint8Array(frame.values.buffer, frame.values.byteOffset, frame.values.byteLength);
  view.setUint32(at.crc, crc32(payload, crc32(header.subarray(at.kind))), true);
  return { header, payload };
}

/**
 * The frame that these chunks, one after the other, spell. Its values are a view of the last chunk where the header
 * is a chunk of its own, as `encodeFrame` gives it. Throws `frame-malformed`.
 */
export function decodeFrame(layout: FrameLayout, crc32: Crc32, chunks: readonly Uint8Array[]): Frame<Float32Array> {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (total < headBytes || total > frameBytesMax(layout)) return refuse(`${total} bytes`);
  const [first, second] = chunks;
  const isSplit = chunks.length === 2 && first !== undefined && first.length >= headBytes;
  const header = isSplit ? first : join(chunks, total);
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);

  const kind = view.getUint32(at.kind, true);
  if (kind !== kinds.partial && kind !== kinds.average) return refuse(`kind ${kind}`);
  const block = view.getUint32(at.block, true);
  if (block >= blockCount(layout.size)) return refuse(`block ${block} of ${blockCount(layout.size)}`);
  const entries = view.getUint32(at.entries, true);
  if (entries > layout.languages) return refuse(`${entries} tally entries for ${layout.languages} languages`);
  const headerBytes = headBytes + entryBytes * entries;
  const { start, end } = blockRange(layout.size, block);
  const exact = headerBytes + 4 * (end - start);
  if (total !== exact) return refuse(`${total} bytes where block ${block} with ${entries} tally entries has ${exact}`);
  if (isSplit && header.length !== headerBytes) return decodeFrame(layout, crc32, [join(chunks, total)]);

  const payload = isSplit ? present(second, "two chunks") : header.subarray(headerBytes);
  const crc = crc32(payload, crc32(header.subarray(at.kind, headerBytes)));
  if (crc !== view.getUint32(at.crc, true)) return refuse("its checksum is wrong");

  const head: FrameHead = {
    generation: { term: view.getUint32(at.term, true), count: view.getUint32(at.count, true) },
    step: view.getUint32(at.step, true),
    lineage: readDigest(header, at.lineage),
    block,
  };
  const tally = readTally(layout, view, entries);
  const values = floatsOf(payload);
  const subtree = view.getUint32(at.subtree, true);
  const sumOfSquares = view.getFloat64(at.squares, true);
  if (kind === kinds.partial) {
    if (subtree < 1 || subtree >= 2 * layout.leaves) return refuse(`subtree ${subtree} of ${layout.leaves} leaves`);
    if (header.subarray(at.digest, headBytes).some((byte) => byte !== 0)) return refuse("a partial with fields of an average");
    return { kind: "partial", ...head, subtree, tally, values };
  }
  if (subtree !== 0) return refuse("an average with a subtree");
  return { kind: "average", ...head, tally, digest: readDigest(header, at.digest), sumOfSquares, values };
}

function writeEntry(view: DataView, offset: number, entry: LanguageTally): void {
  const counts = [entry.language, entry.sequences, entry.targets, entry.bytes];
  counts.forEach((count, i) => {
    assert(Number.isInteger(count) && count >= 0 && count < 2 ** 32, `a tally counts ${count}`);
    view.setUint32(offset + 4 * i, count, true);
  });
  view.setFloat64(offset + 16, entry.lossNats, true);
}

function readTally(layout: FrameLayout, view: DataView, entries: number): Tally {
  let before = -1;
  return Array.from({ length: entries }, (_, i) => {
    const offset = headBytes + entryBytes * i;
    const language = view.getUint32(offset, true);
    if (language <= before || language >= layout.languages) refuse(`language ${language} after ${before} of ${layout.languages}`);
    before = language;
    return {
      language,
      sequences: view.getUint32(offset + 4, true),
      targets: view.getUint32(offset + 8, true),
      bytes: view.getUint32(offset + 12, true),
      lossNats: view.getFloat64(offset + 16, true),
    };
  });
}

/** The bytes as float32, copied only where they do not lie on a multiple of four. */
function floatsOf(payload: Uint8Array): Float32Array {
  // A copy, where `slice` of a Buffer would be another view of the same bytes.
  const aligned = payload.byteOffset % 4 === 0 ? payload : new Uint8Array(payload);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function join(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function refuse(what: string): never {
  throw new BabelgradError("frame-malformed", `A frame does not fit the run: ${what}.`);
}
