/**
 * Byte-pair merging of one word: the merge learnt first is done first, the leftmost of equals. A heap over a linked
 * list, so that a word of a megabyte (a URL, a gene) costs n log n.
 */
import { Heap } from "./heap.ts";

/** Merges by left · 65,536 + right. */
export type Ranks = Map<number, { readonly rank: number; readonly merged: number }>;

export function mergeWord(word: readonly number[], ranks: Ranks): readonly number[] {
  const length = word.length;
  if (length < 2 || ranks.size === 0) return word;
  const tokens = Int32Array.from(word);
  const next = Int32Array.from(word, (_, i) => (i + 1 < length ? i + 1 : -1));
  const before = Int32Array.from(word, (_, i) => i - 1);
  const heap = new Heap<Candidate>((a, b) => a.rank < b.rank || (a.rank === b.rank && a.at < b.at));
  const consider = (at: number): void => {
    const right = at < 0 ? -1 : (next[at] ?? -1);
    if (right < 0) return;
    const pair = (tokens[at] ?? 0) * 0x1_0000 + (tokens[right] ?? 0);
    const merge = ranks.get(pair);
    if (merge !== undefined) heap.push({ rank: merge.rank, at, pair, merged: merge.merged });
  };
  for (let i = 0; i < length; i++) consider(i);
  for (let merge = heap.pop(); merge !== undefined; merge = heap.pop()) {
    const { at } = merge;
    const right = next[at] ?? -1;
    // An earlier merge may have taken either half; -1 marks a token that was swallowed.
    if (right < 0 || (tokens[at] ?? -1) * 0x1_0000 + (tokens[right] ?? -1) !== merge.pair) continue;
    tokens[at] = merge.merged;
    tokens[right] = -1;
    const after = next[right] ?? -1;
    next[at] = after;
    next[right] = -1;
    if (after >= 0) before[after] = at;
    consider(before[at] ?? -1);
    consider(at);
  }
  return Array.from(tokens.filter((token) => token >= 0));
}

interface Candidate {
  readonly rank: number;
  readonly at: number;
  readonly pair: number;
  readonly merged: number;
}
