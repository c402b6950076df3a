/**
 * What a partial says about its samples: per language the summed loss, targets, bytes and sequences. Losses are added
 * in float64 in tree order, as gradients are, so that the reported loss is the same for any number of workers.
 */

/** Sums of one language. `lossNats` is the summed cross-entropy in nats, `bytes` the UTF-8 bytes of the targets. */
export interface LanguageTally {
  readonly language: number;
  readonly sequences: number;
  readonly targets: number;
  readonly bytes: number;
  readonly lossNats: number;
}

/** One entry a language that occurs, ascending by language index (its place in the manifest). */
export type Tally = readonly LanguageTally[];

export function addTallies(left: Tally, right: Tally): Tally {
  const sums = new Map<number, LanguageTally>();
  for (const t of left) sums.set(t.language, t);
  for (const t of right) {
    const l = sums.get(t.language);
    sums.set(
      t.language,
      l === undefined
        ? t
        : {
            language: t.language,
            sequences: l.sequences + t.sequences,
            targets: l.targets + t.targets,
            bytes: l.bytes + t.bytes,
            lossNats: l.lossNats + t.lossNats,
          },
    );
  }
  return [...sums.values()].sort((a, b) => a.language - b.language);
}

export function targetsOf(tally: Tally): number {
  return tally.reduce((sum, t) => sum + t.targets, 0);
}

/** Bits a byte: nats / (ln 2 · UTF-8 bytes of the targets). */
export function bitsPerByte(lossNats: number, bytes: number): number {
  return lossNats / (Math.LN2 * bytes);
}
