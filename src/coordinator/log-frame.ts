/**
 * How a record lies in the log: a mark, the payload's length (uint32, little-endian), the SHA-256 of the payload as hexadecimal
 * digits, the payload: msgpack of [hash of the frame before, record]. A frame says itself whether it is whole, and the
 * hashes chain them, so that none is missing, doubled or from another log.
 */
import { Packr } from "msgpackr";
import type { Sha256 } from "../base/digest.ts";
import type { Digest } from "../base/ids.ts";

const mark = new TextEncoder().encode("bgl1");
const headBytes = mark.length + 4 + 64;
/** More than a record of 65,536 leaves takes. A length beyond it is damage. */
export const payloadBytesMax = 1 << 26;

/** Plain msgpack maps, readable by any msgpack library. */
const packr = new Packr({ useRecords: false });

export interface Frame {
  readonly previous: unknown;
  readonly record: unknown;
  readonly hash: Digest;
  /** Bytes of the frame. */
  readonly length: number;
}

export function encodeFrame(sha256: Sha256, previous: Digest, record: object): { readonly bytes: Uint8Array; readonly hash: Digest } {
  const payload = packr.pack([previous, record]);
  const hash = sha256([payload]);
  const bytes = new Uint8Array(headBytes + payload.length);
  bytes.set(mark);
  new DataView(bytes.buffer).setUint32(mark.length, payload.length, true);
  bytes.set(new TextEncoder().encode(hash), mark.length + 4);
  bytes.set(payload, headBytes);
  return { bytes, hash };
}

/** The frame at `start`; "short": the bytes end before it does; "broken": no frame begins here, or not this one. */
export function decodeFrame(sha256: Sha256, bytes: Uint8Array, start: number): Frame | "short" | "broken" {
  if (mark.some((byte, i) => start + i < bytes.length && bytes[start + i] !== byte)) return "broken";
  if (start + headBytes > bytes.length) return "short";
  const length = new DataView(bytes.buffer, bytes.byteOffset + start + mark.length).getUint32(0, true);
  if (length > payloadBytesMax) return "broken";
  const end = start + headBytes + length;
  if (end > bytes.length) return "short";
  const payload = bytes.subarray(start + headBytes, end);
  const hash = sha256([payload]);
  if (new TextDecoder("latin1").decode(bytes.subarray(start + mark.length + 4, start + headBytes)) !== hash) return "broken";
  const content: unknown = packr.unpack(payload);
  return Array.isArray(content) ? { previous: content[0], record: content[1], hash, length: end - start } : "broken";
}

/** Where the next whole frame begins at or after `start`, whatever lies before it. */
export function findFrame(sha256: Sha256, bytes: Uint8Array, start: number): number | undefined {
  const [first] = mark;
  for (let at = bytes.indexOf(first ?? 0, start); at !== -1; at = bytes.indexOf(first ?? 0, at + 1))
    if (typeof decodeFrame(sha256, bytes, at) === "object") return at;
  return undefined;
}
