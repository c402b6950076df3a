import { createHash } from "node:crypto";
import { crc32 as zlibCrc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Digest } from "../../../src/base/ids.ts";
import { blockValues } from "../../../src/step/block.ts";
import { decodeFrame, type EncodedFrame, encodeFrame, type FrameLayout, frameBytesMax } from "../../../src/wire/frames.ts";
import type { Frame } from "../../../src/wire/messages.ts";

const crc32 = (bytes: Uint8Array, before = 0): number => zlibCrc32(bytes, before);
const layout: FrameLayout = { size: blockValues + 3, leaves: 8, languages: 4 };
const lineage = "1f".repeat(32) as Digest;
const digest = "e0".repeat(32) as Digest;
const tally = [
  { language: 0, sequences: 2, targets: 128, bytes: 401, lossNats: 0.1 },
  { language: 3, sequences: 1, targets: 64, bytes: 2 ** 32 - 1, lossNats: Number.NaN },
];
const partial: Frame<Float32Array> = {
  kind: "partial",
  generation: { term: 7, count: 2 },
  step: 1_000_000_000,
  lineage,
  block: 1,
  subtree: 15,
  tally,
  values: Float32Array.of(1.5, -0, Number.POSITIVE_INFINITY),
};
const average: Frame<Float32Array> = {
  kind: "average",
  generation: { term: 7, count: 2 },
  step: 3,
  lineage,
  block: 0,
  digest,
  sumOfSquares: 0.1 + 0.2,
  tally,
  values: new Float32Array(blockValues).map((_, i) => i / 3),
};

function bytesOf({ header, payload }: EncodedFrame): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(...header, ...payload);
}

/** The partial with a word of its header changed and, unless told otherwise, the checksum made right again. */
function changed(offset: number, word: number, isSealed = true): Uint8Array {
  const bytes = bytesOf(encodeFrame(layout, crc32, partial));
  const view = new DataView(bytes.buffer);
  view.setUint32(offset, word, true);
  if (isSealed) view.setUint32(0, crc32(bytes.subarray(4)), true);
  return bytes;
}

describe("a frame", () => {
  it.each([partial, average])("$kind in two chunks: comes back, its values without a copy", (frame) => {
    const { header, payload } = encodeFrame(layout, crc32, frame);
    expect(payload.buffer).toBe(frame.values.buffer);
    const back = decodeFrame(layout, crc32, [header, payload]);
    expect(back).toStrictEqual(frame);
    expect(back.values.buffer).toBe(frame.values.buffer);
  });

  it("in one chunk, in many, and off alignment: the same frame", () => {
    const bytes = bytesOf(encodeFrame(layout, crc32, partial));
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    for (const chunks of [
      [bytes],
      [shifted.subarray(1)],
      [bytes.subarray(0, 120), bytes.subarray(120)],
      [...bytes].map((b) => Uint8Array.of(b)),
    ])
      expect(decodeFrame(layout, crc32, chunks)).toStrictEqual(partial);
  });

  it("values in shared memory: sent from there", () => {
    const shared = new Float32Array(new SharedArrayBuffer(16), 4, 3);
    shared.set(partial.values);
    const { header, payload } = encodeFrame(layout, crc32, { ...partial, values: shared });
    expect(payload.buffer).toBe(shared.buffer);
    expect(decodeFrame(layout, crc32, [header, payload]).values).toEqual(partial.values);
  });

  it("the bytes are those of protocol version 1: a change here is another version", () => {
    const { header, payload } = encodeFrame(layout, crc32, partial);
    expect([header.length, payload.length, frameBytesMax(layout)]).toEqual([152, 12, 104 + 4 * 24 + 262_144]);
    expect(createHash("sha256").update(header).update(payload).digest("hex")).toMatchInlineSnapshot(
      `"91e0b5322783feca2375e804055efb4d58340db836dcb604fb5bc80362a5155d"`,
    );
  });

  it.each([
    ["a kind that nobody knows", changed(4, 3), /kind 3/],
    ["a block past the end", changed(20, 2), /block 2 of 2/],
    ["a block of another length", changed(20, 0), /164 bytes where block 0 with 2 tally entries has 262296/],
    ["more tally entries than languages", changed(28, 5), /5 tally entries for 4 languages/],
    ["another number of tally entries", changed(28, 1), /164 bytes where block 1 with 1 tally entries has 140/],
    ["subtree 0", changed(24, 0), /subtree 0 of 8 leaves/],
    ["a subtree below the leaves", changed(24, 16), /subtree 16 of 8 leaves/],
    ["a partial with a digest", changed(64, 1), /fields of an average/],
    ["an average with a subtree", changed(4, 2), /an average with a subtree/],
    ["a language twice", changed(128, 0), /language 0 after 0 of 4/],
    ["a language past the manifest", changed(128, 4), /language 4 after 0 of 4/],
    ["a flipped bit in the header", changed(12, 3, false), /checksum/],
    ["a flipped bit in the values", changed(156, 1, false), /checksum/],
    ["nothing", new Uint8Array(0), /0 bytes/],
    ["half a header", new Uint8Array(103), /103 bytes/],
    ["more than any frame has", new Uint8Array(frameBytesMax(layout) + 1), /bytes/],
  ])("%s: frame-malformed, with the reason", (_, bytes, reason) => {
    expect(() => decodeFrame(layout, crc32, [bytes])).toThrow(reason);
    expect(() => decodeFrame(layout, crc32, [bytes])).toThrow(expect.objectContaining({ code: "frame-malformed" }));
  });
});
