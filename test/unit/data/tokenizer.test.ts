import { expect, test } from "vitest";
import { BabelgradError } from "../../../src/base/errors.ts";
import { trainBpe } from "../../../src/corpus/bpe-trainer.ts";
import { parseTokenizer, textStream, tokenizerOf } from "../../../src/data/tokenizer.ts";
import { type TokenizerFile, tokenizerJson } from "../../../src/data/tokenizer-file.ts";

const bytes: TokenizerFile = { kind: "bytes", tokens: Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), merges: [] };
const characters: TokenizerFile = { kind: "characters", tokens: ["1", "a", "é", "𝕏"], merges: [] };

test("each kind written and read again: the same kind, ids and byte lengths", () => {
  for (const file of [bytes, characters, trainBpe(["aa 𝕏é aaa"], 262)]) {
    const written = tokenizerOf(file);
    const read = parseTokenizer(tokenizerJson(file));
    expect(read.kind).toBe(file.kind);
    expect(read.vocabulary).toBe(file.tokens.length + 1);
    expect(read.endOfText).toBe(file.tokens.length);
    expect(read.byteLengths).toEqual(written.byteLengths);
    expect(read.encode("a1é𝕏".replaceAll(file.kind === "characters" ? "" : "1", ""))).toEqual(
      written.encode("a1é𝕏".replaceAll(file.kind === "characters" ? "" : "1", "")),
    );
  }
});

test("byte lengths: UTF-8 bytes of each token, none for end-of-text", () => {
  expect([...tokenizerOf(characters).byteLengths]).toEqual([1, 1, 2, 4, 0]);
  const { byteLengths, endOfText } = tokenizerOf(bytes);
  expect(byteLengths[0x80]).toBe(1);
  expect(byteLengths[endOfText]).toBe(0);
});

test("text that spells the end-of-text token: is text", () => {
  const tokenizer = tokenizerOf(bytes);
  expect([...tokenizer.encode("<|endoftext|>")]).not.toContain(tokenizer.endOfText);
});

test("a character without a token: an error that names it", () => {
  expect(() => tokenizerOf(characters).encode("abc")).toThrow(/"b" \(U\+0062\)/);
});

test("tokens that end inside a character: the stream waits for its last byte, and shows what is left unfinished", () => {
  const stream = textStream(tokenizerOf(bytes));
  const shown = [...new TextEncoder().encode("aé𝕏")].map((byte) => stream.push(byte));
  expect(shown).toEqual(["a", "", "é", "", "", "", "𝕏"]);
  expect(stream.push(0xc3)).toBe("");
  expect(stream.end()).toBe("\uFFFD");
});

test("a word of 200,000 letters: encoded without quadratic time, and decoded to itself", () => {
  const tokenizer = tokenizerOf(trainBpe(["aaaaaaaa aaaa"], 260));
  expect(tokenizer.encode("a".repeat(200_000)).length).toBeLessThan(60_000);
});

test.each([
  ["no JSON", "{", "not JSON"],
  ["another model", '{"model":{"type":"WordPiece"},"pre_tokenizer":null}', "WordPiece"],
  ["no end-of-text", '{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"pre_tokenizer":null}', "last token"],
  ["a gap between ids", '{"model":{"type":"BPE","vocab":{"a":0,"<|endoftext|>":2},"merges":[]},"pre_tokenizer":null}', "id 1"],
  ["a merge of nothing", '{"model":{"type":"BPE","vocab":{"a":0,"<|endoftext|>":1},"merges":[["a","b"]]},"pre_tokenizer":null}', "merges"],
  ["bytes missing", '{"model":{"type":"BPE","vocab":{"a":0,"<|endoftext|>":1},"merges":[]},"pre_tokenizer":{}}', "byte 0"],
])("a tokenizer.json with %s: refused with what is wrong", (_, json, what) => {
  const error = (() => {
    try {
      return parseTokenizer(json);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(BabelgradError);
  expect(error).toMatchObject({ code: "tokenizer-invalid" });
  expect(String(error)).toContain(what);
});
