/** SHA-256 from Node, whole and piece by piece: the port of base/digest.ts. */
import { createHash } from "node:crypto";
import type { Sha256 } from "../digest.ts";
import type { Digest } from "../ids.ts";

export const sha256: Sha256 = (chunks) => {
  const hash = new RunningHash();
  for (const chunk of chunks) hash.add(chunk);
  return hash.end();
};

/** Of float32 values, little-endian. */
export function sha256OfValues(values: Float32Array): Digest {
  return sha256([new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]);
}

export class RunningHash {
  readonly #hash = createHash("sha256");

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** A hexadecimal SHA-256 is what a Digest is. */
  end(): Digest {
    return this.#hash.digest("hex") as Digest;
  }
}
