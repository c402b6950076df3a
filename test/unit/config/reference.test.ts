/** docs/reference is made from the tables and from nothing else. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BabelgradError, describeError, errors } from "../../../src/base/errors.ts";
import { referenceFiles } from "../../../src/config/reference.ts";
import { optionPaths } from "../../../src/config/resolve.ts";

describe("docs/reference", () => {
  test.each(Object.entries(referenceFiles()))("%s is fresh (else: npm run generate)", (name, text) => {
    const path = new URL(`../../../docs/reference/${name}`, import.meta.url);
    expect(readFileSync(path, "utf8") === text, `docs/reference/${name} is stale: npm run generate`).toBe(true);
  });

  test("every option and every error has its row", () => {
    const { "options.md": optionsPage = "", "errors.md": errorsPage = "" } = referenceFiles();
    for (const path of optionPaths) expect(optionsPage).toContain(`| \`${path}\` |`);
    for (const code of Object.keys(errors)) expect(errorsPage).toContain(`| \`${code}\` |`);
  });
});

describe("the errors table", () => {
  test("codes ascend, so that a new one has one place", () => {
    const codes = Object.keys(errors);
    expect(codes).toEqual([...codes].sort());
  });

  test("an error on the command line: code, what, what to do with its facts, and the root cause last", () => {
    const root = new Error("connection refused");
    const error = new BabelgradError(
      "option-unknown",
      "no option stpes",
      { nearest: "steps" },
      { cause: new Error("outer", { cause: root }) },
    );
    expect(describeError(error)).toBe(
      "option-unknown: no option stpes\n  Did you mean steps? See --help or docs/reference/options.md.\n  cause: connection refused",
    );
  });
});
