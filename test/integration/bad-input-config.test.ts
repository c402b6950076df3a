/** Bad input that train finds before anything computes: options, combinations, corpora. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { expectFailure, run, sets, testFolder, writeTinyRun } from "./bad-input.ts";

test.each([
  [
    "an unknown key",
    "  width: 16",
    "  widht: 16",
    "option-unknown",
    ":8:3: there is no option model.widht",
    "  ^",
    "Did you mean model.width?",
  ],
  ["a value out of bounds", "  leaves: 2", "  leaves: 3", "option-invalid", ":11:3: step.leaves must be a power of two, not 3", "  ^", ""],
  ["a key given twice", "steps: 6", "steps: 6\nsteps: 7", "config-syntax", ":26:1: Map keys must be unique", "^", ""],
  ["no YAML", "  width: 16", "  width 16", "config-syntax", ":8:3: ", "  ^", ""],
  [
    "an impossible combination",
    "  heads: 2",
    "  heads: 3",
    "options-conflict",
    ":8:3: model.width 16 and model.heads 3 cannot go together: each attention head gets an equal part of the width",
    "  ^",
    "Change model.width or model.heads.",
  ],
] as const)("a file with %s: code, line, caret, what is meant; no run directory is made", async (_, good, bad, code, what, caret, todo) => {
  const folder = testFolder();
  const file = writeTinyRun(folder);
  const text = readFileSync(file, "utf8").replace(good, bad);
  writeFileSync(file, text);
  const ended = await run(["train", file, "--out", join(folder, "run")]);
  expectFailure(ended, code, `${file}${what}`, todo);
  const line = text.split("\n")[Number(what.split(":")[1]) - 1] ?? "";
  expect(ended.err).toContain(`\n    ${line}\n    ${caret}\n`);
  expect(existsSync(join(folder, "run"))).toBe(false);
});

test.each([
  ["an unknown flag", ["--stepz", "3"], "option-unknown", "babelgrad train has no flag --stepz"],
  ["an unknown option of --set", ["--set", "optimiser.rate=1"], "option-unknown", "Did you mean optimizer.rate?"],
  ["a --set that is none", ["--set", "steps"], "usage", "steps"],
] as const)("train with %s: named, exit 2", async (_, args, code, what) => {
  const folder = testFolder();
  const ended = await run(["train", writeTinyRun(folder), "--out", join(folder, "run"), ...args]);
  expectFailure(ended, code, what);
  expect(existsSync(join(folder, "run"))).toBe(false);
});

const corpora: readonly (readonly [
  string,
  string,
  string | Uint8Array,
  "corpus-empty" | "corpus-binary" | "corpus-truncated" | "corpus-unreadable" | "jsonl-invalid",
  string,
])[] = [
  ["an empty file", "en.txt", "", "corpus-empty", "en.txt has no text"],
  [
    "a file with zero bytes",
    "en.txt",
    Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0, 1),
    "corpus-binary",
    "en.txt has a zero byte (after 4 characters)",
  ],
  ["a file that is not UTF-8", "en.txt", Uint8Array.of(0x61, 0xff, 0xfe), "corpus-binary", "en.txt is not UTF-8 text"],
  [
    "a gzip file cut off",
    "en.txt.gz",
    gzipSync("All human beings are born free.\n".repeat(99)).subarray(0, 40),
    "corpus-truncated",
    "en.txt.gz",
  ],
  ["a gzip file that is none", "en.txt.gz", "plain text", "corpus-unreadable", "en.txt.gz cannot be read"],
  ["a JSONL line that is not JSON", "en.jsonl", '{"text":"a","language":"en"}\n{"text":\n', "jsonl-invalid", "en.jsonl:2 is not JSON"],
];
test.each(corpora)(
  "train on %s: code and place; no run, and the same command runs on when the file is repaired",
  async (_, name, content, code, what) => {
    const folder = testFolder();
    const file = writeTinyRun(folder);
    const input = join(folder, name);
    const good = readFileSync(join(folder, "en.txt"));
    writeFileSync(input, content);
    writeFileSync(file, readFileSync(file, "utf8").replace("[en.txt]", `[${name}]`));
    expectFailure(await run(["train", file, "--out", join(folder, "run")]), code, join(folder, what));
    expect(readdirSync(folder)).not.toContain("run");
    // Repaired, it gets as far as the next thing that is wrong: the steps.
    writeFileSync(
      input,
      name.endsWith(".jsonl")
        ? '{"text":"All human beings are born free and equal.","language":"en"}\n{"text":"Everyone has the right to life and liberty.","language":"en"}\n'
        : name.endsWith(".gz")
          ? gzipSync(good)
          : good,
    );
    expectFailure(
      await run(["train", file, "--out", join(folder, "run"), ...sets({ "mixture.epochs": 0.01 })]),
      "epochs-exceeded",
      "mixture.epochs",
    );
  },
);

test.skipIf(process.getuid?.() === 0)("train on a file without permission to read (skipped for root): corpus-unreadable", async () => {
  const folder = testFolder();
  const file = writeTinyRun(folder);
  chmodSync(join(folder, "en.txt"), 0);
  expectFailure(await run(["train", file, "--out", join(folder, "run")]), "corpus-unreadable", join(folder, "en.txt"));
});

test("train on a file that the system cannot open: corpus-unreadable", async () => {
  const folder = testFolder();
  const file = writeTinyRun(folder);
  rmSync(join(folder, "en.txt"));
  symlinkSync("en.txt", join(folder, "en.txt")); // to itself
  expectFailure(await run(["train", file, "--out", join(folder, "run")]), "corpus-unreadable", join(folder, "en.txt"), "ELOOP");
});

test("train on a folder without files: corpus-empty", async () => {
  const folder = testFolder();
  const file = writeTinyRun(folder);
  mkdirSync(join(folder, "en"));
  writeFileSync(file, readFileSync(file, "utf8").replace("[en.txt]", "[en]"));
  expectFailure(await run(["train", file, "--out", join(folder, "run")]), "corpus-empty", `${join(folder, "en")} has no files`);
});
