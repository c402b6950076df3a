/**
 * Byte-pair encoding learnt from text (Sennrich et al. 2016, on bytes as in GPT-2). Words are counted once; then the
 * most frequent pair is merged, and only the words that have it are visited: counts are kept up to date instead of being
 * counted again. Equal counts are decided by byte order, so the same text gives the same merges everywhere.
 */
import { present } from "../base/assert.ts";
import { binaryOf } from "../data/byte-text.ts";
import { Heap } from "../data/heap.ts";
import type { TokenizerFile } from "../data/tokenizer-file.ts";
import { wordsOf } from "../data/word.ts";

/**
 * Learns merges until the vocabulary, the 256 bytes and end-of-text included, has `vocabulary` tokens, or until every
 * word is one token.
 */
export function trainBpe(texts: Iterable<string>, vocabulary: number): TokenizerFile {
  const words = countWords(texts);
  const tokens = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  const ids = new Map(tokens.map((binary, id) => [binary, id]));
  const merges: [string, string][] = [];
  const textOf = (id: number): string => present(tokens[id], "an id of the vocabulary");

  const pairs = new Map<number, Pair>();
  const heap = new Heap<Queued>((a, b) => {
    if (a.count !== b.count) return a.count > b.count;
    const [leftA, leftB] = [textOf(a.pair.left), textOf(b.pair.left)];
    return leftA !== leftB ? leftA < leftB : textOf(a.pair.right) < textOf(b.pair.right);
  });
  const change = (left: number, right: number, by: number, word: number): Pair => {
    const key = left * 0x1_0000 + right;
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = { left, right, count: 0, words: new Set() };
      pairs.set(key, pair);
    }
    pair.count += by;
    if (by > 0) pair.words.add(word);
    return pair;
  };
  words.forEach((word, index) => {
    for (let i = 0; i + 1 < word.tokens.length; i++) change(word.tokens[i] ?? 0, word.tokens[i + 1] ?? 0, word.count, index);
  });
  for (const pair of pairs.values()) heap.push({ pair, count: pair.count });

  while (tokens.length + 1 < vocabulary) {
    const queued = heap.pop();
    if (queued === undefined) break;
    const { pair } = queued;
    if (pair.count <= 0) continue;
    if (pair.count !== queued.count) {
      // Counts in the queue are never too low: a lower count is queued again here, a higher one when it rose.
      if (pair.count < queued.count) heap.push({ pair, count: pair.count });
      continue;
    }
    const left = textOf(pair.left);
    const right = textOf(pair.right);
    // Two ways to the same bytes are two merges and one token.
    let merged = ids.get(left + right);
    if (merged === undefined) {
      merged = tokens.length;
      tokens.push(left + right);
      ids.set(left + right, merged);
    }
    merges.push([left, right]);
    const risen = new Set<Pair>();
    for (const index of pair.words) {
      const word = present(words[index], "pairs name words");
      mergeIn(word.tokens, pair.left, pair.right, merged, (a, b, by) => {
        const changed = change(a, b, by * word.count, index);
        if (by > 0) risen.add(changed);
      });
    }
    pair.count = 0;
    pair.words.clear();
    for (const changed of risen) if (changed.count > 0) heap.push({ pair: changed, count: changed.count });
  }
  return { kind: "bpe", tokens, merges };
}

interface Pair {
  readonly left: number;
  readonly right: number;
  count: number;
  /** Words that have the pair, or had it. */
  readonly words: Set<number>;
}

interface Queued {
  readonly pair: Pair;
  /** The pair's count when it was queued. */
  readonly count: number;
}

/** Replaces left, right by merged in the word and reports how the pairs around them change. */
function mergeIn(word: number[], left: number, right: number, merged: number, change: (a: number, b: number, by: 1 | -1) => void): void {
  let to = 0;
  for (let from = 0; from < word.length; from++) {
    const token = word[from] ?? 0;
    if (token !== left || word[from + 1] !== right) {
      word[to++] = token;
      continue;
    }
    const before = to > 0 ? word[to - 1] : undefined;
    const after = word[from + 2];
    if (before !== undefined) {
      change(before, left, -1);
      change(before, merged, 1);
    }
    if (after !== undefined) {
      change(right, after, -1);
      change(merged, after, 1);
    }
    word[to++] = merged;
    from++;
  }
  word.length = to;
}

interface Word {
  readonly tokens: number[];
  readonly count: number;
}

function countWords(texts: Iterable<string>): readonly Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Array.from(counts, ([word, count]) => ({ tokens: Array.from(binaryOf(word), (unit) => unit.charCodeAt(0)), count }));
}
