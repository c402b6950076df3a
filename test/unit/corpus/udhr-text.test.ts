import { expect, test } from "vitest";
import { declarationOf, parseUdhr, udhrDocuments } from "../../../src/corpus/udhr-text.ts";

const html = `<header><h2>Preamble</h2><p>Whereas</p></header>
<article data-number="1"><h2>Article 1</h2><p>All &#x26; free</p></article>
<article data-number="2"><p>Two</p><ol><li><p>a</p></li><li>
  b
</li></ol></article>`;

test("a declaration: its paragraphs and list items are documents with the article's number, headings are not", () => {
  expect(udhrDocuments({ language: "en", paragraphs: undefined }, html)).toEqual([
    { language: "en", id: "00", text: "Whereas" },
    { language: "en", id: "01", text: "All & free" },
    { language: "en", id: "02", text: "Two" },
    { language: "en", id: "02", text: "a" },
    { language: "en", id: "02", text: "b" },
  ]);
});

test("fewer paragraphs than there are: spread evenly over the text", () => {
  const texts = udhrDocuments({ language: "en", paragraphs: 2 }, html).map(({ text }) => text);
  expect(texts).toEqual(["Two", "b"]);
});

test("several declarations of one language: the one named by its ISO 639-3 code", () => {
  const index = ["042", "spa"].map((code) => ({ code, bcp47: "es", iso6393: "spa" }));
  expect(declarationOf("es", index).code).toBe("spa");
  const chinese = ["cmn_hans_beijing", "cmn_hans"].map((code) => ({ code, bcp47: "zh", iso6393: "cmn" }));
  expect(declarationOf("zh", chinese).code).toBe("cmn_hans");
});

test("an input: languages and how many paragraphs of each", () => {
  expect(parseUdhr("udhr:en+ZH_hans=20")).toEqual([
    { language: "en", paragraphs: undefined },
    { language: "zh-Hans", paragraphs: 20 },
  ]);
  expect(parseUdhr("udhr:").length).toBe(12);
});

test.each(["udhr:en++fr", "udhr:english", "udhr:en=9", "udhr:en=many", "udhr:en=10=10"])("%s: refused", (input) => {
  expect(() => parseUdhr(input)).toThrow(expect.objectContaining({ code: "udhr-unknown" }));
});
