/**
 * The model to beat: for each language the frequencies of its training tokens (one added to each), in bits per byte of its
 * validation split. Its targets are those of the validation leaves: every token but the first.
 */

import type { ShardTokens } from "./leaf-source.ts";
import type { Manifest } from "./manifest.ts";

/** Bits per byte of each language, in the manifest's order. */
export function unigramBitsPerByte(manifest: Manifest, shards: readonly ShardTokens[], byteLengths: Int32Array): readonly number[] {
  return shards.map(({ train, validation }) => {
    const counts = new Float64Array(manifest.vocabulary).fill(1);
    for (const token of train) counts[token] = (counts[token] ?? 0) + 1;
    const total = train.length + manifest.vocabulary;
    let bits = 0;
    let bytes = 0;
    for (const token of validation.subarray(1)) {
      bits -= Math.log2((counts[token] ?? 0) / total);
      bytes += byteLengths[token] ?? 0;
    }
    return bits / bytes;
  });
}
