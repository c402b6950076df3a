import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../../src/base/io/sha256.ts";
import type { Document } from "../../../src/corpus/document.ts";
import { type PrepareOptions, prepare } from "../../../src/corpus/prepare.ts";
import { split } from "../../../src/corpus/split.ts";
import { parseManifest } from "../../../src/data/manifest.ts";
import { decode, parseTokenizer } from "../../../src/data/tokenizer.ts";

const options: PrepareOptions = { tokenizer: "bpe", vocabulary: 300, split: { kind: "hash", share: 0.2 } };

function documentsOf(language: string, texts: readonly string[]): Document[] {
  return texts.map((text, i) => ({ language, id: String(i), text }));
}

const numbered = (language: string, count: number): Document[] =>
  documentsOf(
    language,
    Array.from({ length: count }, (_, i) => `${language} text number ${i} é`),
  );

/** The documents of a shard, by its tokens. */
function textsOf(prepared: ReturnType<typeof prepare>, file: string): readonly string[] {
  const bytes = prepared.files.get(file) ?? new Uint8Array(0);
  const tokens = new Uint16Array(bytes.slice().buffer);
  const tokenizer = parseTokenizer(new TextDecoder().decode(prepared.files.get("tokenizer.json")));
  const texts: string[] = [];
  let open: number[] = [];
  for (const token of tokens) {
    if (token !== tokenizer.endOfText) open.push(token);
    else {
      texts.push(decode(tokenizer, open));
      open = [];
    }
  }
  expect(open).toEqual([]);
  return texts;
}

test.each(["bpe", "characters", "bytes"] as const)(
  "tokenizer %s: shards decode to the documents, and the manifest counts them",
  (tokenizer) => {
    const documents = [...numbered("fr", 10), ...numbered("en", 20)];
    const prepared = prepare(documents, { ...options, tokenizer }, sha256);
    expect(prepared.manifest.languages.map(({ language }) => language)).toEqual(["en", "fr"]);
    for (const { language, train, validation } of prepared.manifest.languages) {
      const texts = [textsOf(prepared, train.file), textsOf(prepared, validation.file)];
      expect(texts.flat().sort()).toEqual(
        documents
          .filter((document) => document.language === language)
          .map(({ text }) => text)
          .sort(),
      );
      [train, validation].forEach((entry, part) => {
        const own = texts[part] ?? [];
        expect(entry.documents).toBe(own.length);
        expect(entry.textBytes).toBe(own.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0));
        expect(entry.fileBytes).toBe(entry.tokens * 2);
      });
    }
  },
);

test.each(["hash", "id"] as const)("documents in any order, split by %s: the same manifest and files", (kind) => {
  const documents = [...numbered("en", 12), ...numbered("fr", 9)];
  const wanted = prepare(documents, { ...options, split: { kind, share: 0.2 } }, sha256);
  fc.assert(
    fc.property(fc.shuffledSubarray(documents, { minLength: documents.length }), (shuffled) => {
      expect(prepare(shuffled, { ...options, split: { kind, share: 0.2 } }, sha256)).toEqual(wanted);
    }),
    { numRuns: 20 },
  );
});

test("one more letter: another manifest", () => {
  const documents = numbered("en", 10);
  const changed = documents.map((document, i) => (i === 3 ? { ...document, text: `${document.text}!` } : document));
  expect(prepare(changed, options, sha256).manifest.sha256).not.toBe(prepare(documents, options, sha256).manifest.sha256);
});

test("a document twice: kept once, before the split", () => {
  const documents = numbered("en", 10);
  expect(prepare([...documents, ...documents], options, sha256).manifest).toEqual(prepare(documents, options, sha256).manifest);
});

test("split by hash: the share of documents, at least one, from every language", () => {
  const parts = split([...numbered("en", 50), ...numbered("fr", 3)], { kind: "hash", share: 0.1 }, sha256);
  expect(parts.map(({ validation }) => validation.length)).toEqual([5, 1]);
});

test("split by id: a document and its translations are on the same side", () => {
  const parts = split([...numbered("en", 50), ...numbered("fr", 50), ...numbered("sw", 7)], { kind: "id", share: 0.1 }, sha256);
  const held = parts.map(({ language, validation }) => validation.map((text) => text.replace(language, "")).sort());
  expect(held[0]).toEqual(held[1]);
  expect(held[2]?.length).toBeGreaterThan(0);
  for (const text of held[2] ?? []) expect(held[0]).toContain(text);
});

test("split tail: the first share of the characters trains, cut inside a document, and order is kept", () => {
  const [part] = split(documentsOf("en", ["abc", "d𝕏fgh", "ij"]), { kind: "tail", share: 0.5 }, sha256);
  expect(part).toEqual({ language: "en", train: ["abc", "d𝕏"], validation: ["fgh", "ij"] });
});

test.each([
  ["hash", 1],
  ["id", 1],
] as const)("split by %s with one document: refused with the language and the count", (kind, count) => {
  expect(() => split(numbered("sw", count), { kind, share: 0.1 }, sha256)).toThrow(
    expect.objectContaining({ code: "documents-too-few", message: expect.stringContaining("sw: 1 different document,") }),
  );
});

test("characters beyond 65,535: refused with the count", () => {
  const points = Array.from({ length: 70_000 }, (_, i) => String.fromCodePoint(0x10000 + i));
  expect(() => prepare(documentsOf("en", [points.join(""), "a"]), { ...options, tokenizer: "characters" }, sha256)).toThrow(
    expect.objectContaining({ code: "vocabulary-too-large", message: expect.stringContaining("70001") }),
  );
});

test("a manifest whose content was changed: refused", () => {
  const { manifest } = prepare(numbered("en", 10), options, sha256);
  expect(parseManifest(JSON.stringify(manifest), "d", sha256)).toEqual(manifest);
  for (const text of [JSON.stringify({ ...manifest, vocabulary: 5 }), "{}", "not JSON"])
    expect(() => parseManifest(text, "d", sha256)).toThrow(expect.objectContaining({ code: "manifest-invalid" }));
});
