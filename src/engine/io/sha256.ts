/** SHA-256 of node:crypto as the port of base/digest.ts. */
import { createHash } from "node:crypto";
import type { Sha256 } from "../../base/digest.ts";
import type { Digest } from "../../base/ids.ts";

export const sha256: Sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex") as Digest; // 64 lower-case hexadecimal digits
};

/** Of float32 values, little-endian. */
export function sha256OfValues(values: Float32Array): Digest {
  return sha256([new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
}
