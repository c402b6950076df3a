import fc from "fast-check";
import { expect, test } from "vitest";
import { trainBpe } from "../../../src/corpus/bpe-trainer.ts";
import { binaryOf } from "../../../src/data/byte-text.ts";
import { wordsOf } from "../../../src/data/word.ts";

test("the most frequent pair is merged first, equals in byte order", () => {
  // "ab" 3 times, "bc" and "cd" twice, but "bc" loses one to "ab"; at last (ab, cd) and (b, cd) are equal.
  const { merges } = trainBpe(["ab\nab\nabcd\nbcd"], 260);
  expect(merges).toEqual([
    ["a", "b"],
    ["c", "d"],
    ["ab", "cd"],
  ]);
});

test("the vocabulary asked for: reached exactly, end-of-text included, and not passed", () => {
  const text = "the quick brown fox jumps over the lazy dog and the other dogs";
  expect(trainBpe([text], 257).tokens.length).toBe(256);
  expect(trainBpe([text], 280).tokens.length).toBe(279);
});

test("a text too small for the vocabulary: merged until every word is one token", () => {
  const { tokens } = trainBpe(["low lower"], 5000);
  expect(tokens).toContain("low");
  expect(tokens).toContain(" lower");
  expect(tokens.length).toBeLessThan(300);
});

test("any texts, in any order: the merges of a trainer that counts every pair again each time", () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "c", " ", "é"), maxLength: 30 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(texts, fc.integer({ min: 258, max: 275 }), (sample, vocabulary) => {
      const expected = countAgain(sample, vocabulary);
      expect(trainBpe(sample, vocabulary).merges).toEqual(expected);
      expect(trainBpe([...sample].reverse(), vocabulary).merges).toEqual(expected);
    }),
  );
});

/** The definition, without any bookkeeping. */
function countAgain(texts: readonly string[], vocabulary: number): readonly (readonly [string, string])[] {
  const words = texts.flatMap((text) => wordsOf(text).map((word) => [...binaryOf(word)]));
  const tokens = new Set(Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)));
  const merges: [string, string][] = [];
  while (tokens.size + 1 < vocabulary) {
    const counts = new Map<string, { pair: [string, string]; count: number }>();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) {
        const pair: [string, string] = [word[i] ?? "", word[i + 1] ?? ""];
        const key = JSON.stringify(pair);
        counts.set(key, { pair, count: (counts.get(key)?.count ?? 0) + 1 });
      }
    const [best] = [...counts.values()].sort(
      (a, b) => b.count - a.count || (a.pair[0] < b.pair[0] ? -1 : a.pair[0] > b.pair[0] ? 1 : a.pair[1] < b.pair[1] ? -1 : 1),
    );
    if (best === undefined) break;
    const [left, right] = best.pair;
    merges.push([left, right]);
    tokens.add(left + right);
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right);
  }
  return merges;
}
