import { expect, test } from "vitest";
import { languageCode } from "../../../src/corpus/language-code.ts";

test.each([
  ["en", "en"],
  ["EN_gb", "en-GB"],
  ["zh-hans", "zh-Hans"],
  ["arb_Arab", "arb-Arab"],
  ["es-419", "es-419"],
  ["de-1996", "de-1996"],
  ["el-monoton", "el-monoton"],
  ["sr-Latn-RS", "sr-Latn-RS"],
])("%s: is the language %s", (text, code) => {
  expect(languageCode(text)).toBe(code);
});

test.each(["", "e", "english", "README", "en-", "en GB", "../en", "e1", "en.txt"])("%j: is no language code", (text) => {
  expect(languageCode(text)).toBeUndefined();
});
