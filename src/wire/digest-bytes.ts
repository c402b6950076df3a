/** A digest on the wire is 32 bytes; everywhere else it is 64 hexadecimal digits. */
import { assert } from "../base/assert.ts";
import type { Digest } from "../base/ids.ts";

export const digestBytes = 32;

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The digest that stands at `offset`. */
export function readDigest(bytes: Uint8Array, offset = 0): Digest {
  assert(offset + digestBytes <= bytes.length, `a digest at ${offset} of ${bytes.length} bytes`);
  let hex = "";
  for (let i = 0; i < digestBytes; i++) hex += hexOfByte[bytes[offset + i] ?? 0];
  return hex as Digest; // 64 digits out of 32 bytes
}

/** Writes the digest's bytes at `offset`. */
export function writeDigest(bytes: Uint8Array, digest: Digest, offset = 0): Uint8Array {
  assert(/^[0-9a-f]{64}$/.test(digest), `${digest} is not a digest`);
  for (let i = 0; i < digestBytes; i++) bytes[offset + i] = Number.parseInt(digest.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
