/** SHA-256 from Node, whole and piece by piece. */
import { createHash } from "node:crypto";
import type { Sha256 } from "../../base/digest.ts";
import type { Digest } from "../../base/ids.ts";

export const sha256: Sha256 = (chunks) => {
  const hash = new RunningHash();
  for (const chunk of chunks) hash.add(chunk);
  return hash.end();
};

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
