/** What a leaf reads: the tokens, targets and accounting of one micro-batch. */
import type { Leaf, Step } from "../base/ids.ts";
import type { LanguageTally, Tally } from "../step/tally.ts";

/** One leaf of one step. S sequences, C context: arrays are row-major [S, C]. */
export interface LeafBatch {
  readonly step: Step;
  readonly leaf: Leaf;
  /** Int32 [S·C]. Padding is the end-of-text token. */
  readonly tokens: Int32Array;
  /** Int32 [S·C]: the next token at each place; padding is -1 and is masked. */
  readonly targets: Int32Array;
  /** Per sequence [S]: index of its language in the manifest, unmasked targets, UTF-8 bytes of those targets. */
  readonly languages: Int32Array;
  readonly targetCounts: Int32Array;
  readonly targetBytes: Int32Array;
}

/** Sums the losses of a leaf's sequences by language, in float64 and in sequence order. `losses` is float32 [S], nats. */
export function tallyOf(batch: LeafBatch, losses: Float32Array): Tally {
  const sums = new Map<number, LanguageTally>();
  batch.languages.forEach((language, i) => {
    const targets = batch.targetCounts[i] ?? 0;
    if (targets === 0) return;
    const before = sums.get(language) ?? { language, sequences: 0, targets: 0, bytes: 0, lossNats: 0 };
    sums.set(language, {
      language,
      sequences: before.sequences + 1,
      targets: before.targets + targets,
      bytes: before.bytes + (batch.targetBytes[i] ?? 0),
      lossNats: before.lossNats + (losses[i] ?? 0),
    });
  });
  return [...sums.values()].sort((a, b) => a.language - b.language);
}
