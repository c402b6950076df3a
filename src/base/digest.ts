/**
 * What is hashed, and how it is laid out: fields in order, each with its length in front, so that no two lists of
 * fields give the same bytes. The hash itself is a port, handed in by a main.
 */
import type { Digest } from "./ids.ts";

/** SHA-256 of the chunks, one after the other. */
export type Sha256 = (chunks: readonly Uint8Array[]) => Digest;

export type Field = string | number | Uint8Array;

const utf8 = new TextEncoder();

/** Digest of a list of fields: each is its length in bytes (uint32, little-endian), then its bytes; a number is a float64. */
export function digestOf(sha256: Sha256, fields: readonly Field[]): Digest {
  const chunks: Uint8Array[] = [];
  for (const field of fields) {
    const bytes = typeof field === "string" ? utf8.encode(field) : typeof field === "number" ? float64(field) : field;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    chunks.push(length, bytes);
  }
  return sha256(chunks);
}

function float64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return bytes;
}
