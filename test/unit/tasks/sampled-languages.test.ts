import { expect, test } from "vitest";
import { sampledLanguages } from "../../../src/tasks/sampled-languages.ts";

test("nothing named: all languages, sixteen of very many", () => {
  expect(sampledLanguages("", ["en", "fr"])).toEqual([0, 1]);
  const many = Array.from({ length: 100 }, (_, i) => `l${i}`);
  expect(sampledLanguages(" ", many)).toHaveLength(16);
});

test("languages named: these, in that order", () => {
  expect(sampledLanguages("sw, en", ["en", "fr", "sw"])).toEqual([2, 0]);
});

test("a language that the run does not have: an error that names those it has", () => {
  expect(() => sampledLanguages("en,xx", ["en", "fr"])).toThrow(
    expect.objectContaining({ code: "language-unknown", todo: expect.stringContaining("en, fr") as string }),
  );
});
