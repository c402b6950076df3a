/** Our tokenizers beside Hugging Face's library on the same tokenizer.json: equal ids, or the file is not what it says. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { Tokenizer as Reference } from "tokenizers";
import { expect, test } from "vitest";
import { trainBpe } from "../../src/corpus/bpe-trainer.ts";
import { decode, tokenizerOf } from "../../src/data/tokenizer.ts";
import { type TokenizerFile, tokenizerJson } from "../../src/data/tokenizer-file.ts";

const corpora = "../shared/corpora";
const sib = `${corpora}/sib-200`;
const wikitext = `${corpora}/wikitext-2/valid.txt`;

const bytesFile: TokenizerFile = { kind: "bytes", tokens: Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), merges: [] };
const poem = "Sur le pont d'Avignon l'on y danse, l'on y danse; 12 123 ünïcödé 日本語の文章です。 I'll we've don't\n\n  \t x\u0085y\u00a0z";

async function idsOf(reference: Reference, text: string): Promise<readonly number[]> {
  return (await reference.encode(text, null, { addSpecialTokens: false })).getIds();
}

test("any text: the ids of bpe and bytes are those of the reference, and decoding gives the text back", async () => {
  for (const file of [trainBpe([poem.repeat(3)], 340), bytesFile]) {
    const ours = tokenizerOf(file);
    const reference = Reference.fromString(tokenizerJson(file));
    const text = fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ unit: fc.constantFrom(...poem), maxLength: 60 }));
    await fc.assert(
      fc.asyncProperty(text, async (sample) => {
        const ids = ours.encode(sample);
        expect([...ids]).toEqual(await idsOf(reference, sample));
        expect(decode(ours, ids)).toBe(sample);
      }),
      { numRuns: 500 },
    );
  }
});

test("any text of its characters: the ids of a characters tokenizer are those of the reference", async () => {
  const characters = [...new Set(poem)].sort();
  const file: TokenizerFile = { kind: "characters", tokens: characters, merges: [] };
  const ours = tokenizerOf(file);
  const reference = Reference.fromString(tokenizerJson(file));
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: fc.constantFrom(...characters), maxLength: 60 }), async (sample) => {
      const ids = ours.encode(sample);
      expect([...ids]).toEqual(await idsOf(reference, sample));
      expect(decode(ours, ids)).toBe(sample);
      expect(await reference.decode([...ids], true)).toBe(sample);
    }),
  );
});

test("every character of Unicode: words are cut where the reference cuts", async () => {
  const reference = Reference.fromString(tokenizerJson(trainBpe(["aa 11 !!"], 259))).getPreTokenizer();
  const { wordsOf } = await import("../../src/data/word.ts");
  const differing: string[] = [];
  for (let point = 1; point < 0x40000; point++) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const text = `a${String.fromCodePoint(point)}1`;
    if (reference?.preTokenizeString(text).length !== wordsOf(text).length) differing.push(point.toString(16));
  }
  expect(differing).toEqual([]);
});

test("end-of-text: the last id, known to the reference by name", () => {
  const file = trainBpe([poem], 300);
  const reference = Reference.fromString(tokenizerJson(file));
  expect(reference.tokenToId("<|endoftext|>")).toBe(tokenizerOf(file).endOfText);
  expect(reference.getVocabSize(true)).toBe(tokenizerOf(file).vocabulary);
});

const isThere = existsSync(sib) && existsSync(wikitext);
test.skipIf(!isThere)(
  `lines of SIB-200 in all its languages and of WikiText-2${isThere ? "" : ` (skipped: no ${corpora})`}: ids are those of the reference`,
  async () => {
    const lines = [
      ...readdirSync(sib).flatMap((language) => readFileSync(`${sib}/${language}/train.tsv`, "utf8").split("\n").slice(0, 120)),
      ...readFileSync(wikitext, "utf8").split("\n").slice(0, 800),
    ];
    const file = trainBpe(lines, 6000);
    const ours = tokenizerOf(file);
    expect(ours.vocabulary).toBe(6000);
    const reference = Reference.fromString(tokenizerJson(file));
    const encodings = await reference.encodeBatch(lines, { addSpecialTokens: false });
    lines.forEach((line, i) => {
      const ids = ours.encode(line);
      expect([...ids]).toEqual(encodings[i]?.getIds());
      expect(decode(ours, ids)).toBe(line);
    });
  },
);
