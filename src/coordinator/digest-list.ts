/**
 * Digests in 32 bytes each. As the strings they were read as, they would keep alive the text that they were cut from:
 * half a kilobyte a step instead of 32 bytes.
 */
import type { Digest } from "../base/ids.ts";

const digestBytes = 32;

export class DigestList {
  #bytes = new Uint8Array(64 * digestBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(digest: Digest): void {
    const start = this.#length * digestBytes;
    if (start === this.#bytes.length) {
      const larger = new Uint8Array(2 * start);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    for (let i = 0; i < digestBytes; i++) this.#bytes[start + i] = Number.parseInt(digest.slice(2 * i, 2 * i + 2), 16);
    this.#length += 1;
  }

  at(index: number): Digest | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    const bytes = this.#bytes.subarray(index * digestBytes, (index + 1) * digestBytes);
    // The same 64 hexadecimal digits that were pushed.
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") as Digest;
  }
}
