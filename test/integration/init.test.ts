/** `babelgrad init`: from three folders of text to a run in two commands, and what cannot be a configuration. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { BabelgradProcess, runFolder, type Seen } from "./babelgrad-process.ts";

const started: BabelgradProcess[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.kill();
});

async function run(...args: string[]): Promise<Seen> {
  const one = new BabelgradProcess(args);
  started.push(one);
  return one.summary();
}

/** Thirty different paragraphs. */
const paragraphs = (word: string) => Array.from({ length: 30 }, (_, i) => `${word} ${i} ${word.repeat(2)} ${i * i}.`).join("\n\n");

function put(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

const texts = { "texts/en/a.txt": paragraphs("word"), "texts/fr/a.txt": paragraphs("mot"), "texts/sw/a.txt": paragraphs("neno") };

describe("text in three languages", () => {
  it("becomes a configuration that train takes and runs lists; its prepared data do as well", async () => {
    const { folder } = runFolder();
    put(folder, texts);
    const out = join(folder, "mine.yaml");
    const inputs = ["en", "fr", "sw"].map((language) => join(folder, "texts", language));
    expect(await run("init", ...inputs, "--out", out)).toMatchObject({
      event: "finished",
      languages: 3,
      set: { "data.documents": "paragraph" },
    });
    const runs = join(folder, "runs");
    const trained = await run(
      "train",
      out,
      "--out",
      join(runs, "mine"),
      "--workers",
      "1",
      "--set",
      "steps=3",
      "--set",
      "optimizer.warmup=1",
    );
    expect(trained).toMatchObject({ event: "finished", step: 3 });
    await run("runs", runs);
    expect(started.at(-1)?.events[0]).toMatchObject({ event: "runFound", languages: ["en", "fr", "sw"], step: 3, state: "finished" });

    expect(await run("init", join(runs, "mine/data"), "--out", join(folder, "again.yaml"))).toMatchObject({
      event: "finished",
      languages: 3,
    });
    const again = await run(
      "train",
      join(folder, "again.yaml"),
      "--out",
      join(runs, "again"),
      "--workers",
      "1",
      "--set",
      "steps=2",
      "--set",
      "optimizer.warmup=1",
    );
    expect(again).toMatchObject({ event: "finished", step: 2 });
  });

  it("a file that is there: kept, and replaced with --force", async () => {
    const { folder } = runFolder();
    put(folder, { ...texts, "mine.yaml": "steps: 1\n" });
    const args = ["init", join(folder, "texts"), "--out", join(folder, "mine.yaml")];
    expect(await run(...args)).toMatchObject({ event: "failed", code: "config-exists", exit: 2 });
    expect(readFileSync(join(folder, "mine.yaml"), "utf8")).toBe("steps: 1\n");
    expect(await run(...args, "--force")).toMatchObject({ event: "finished" });
  });

  it("the same language in two inputs: joined; the same input twice: once", async () => {
    const { folder } = runFolder();
    put(folder, { "a/en/1.txt": paragraphs("word"), "b/en/2.txt": paragraphs("other") });
    await run("init", join(folder, "a/en"), join(folder, "b/en"), join(folder, "a/en"), "--out", join(folder, "mine.yaml"));
    expect(started.at(-1)?.events[0]).toMatchObject({ event: "languageFound", language: "en", documents: 60 });
  });
});

describe("bad input", () => {
  const cases: readonly (readonly [string, Readonly<Record<string, string | Uint8Array>>, readonly string[], string])[] = [
    ["no inputs", {}, [], "usage"],
    ["a path that is not there", {}, ["nowhere/en"], "corpus-missing"],
    ["an empty file", { "en.txt": "" }, ["en.txt"], "corpus-empty"],
    ["a binary file", { "en.txt": new Uint8Array([0xff, 0xfe, 0, 1, 2]) }, ["en.txt"], "corpus-binary"],
    ["a file without a language", { "notes-of-mine.txt": paragraphs("word") }, ["notes-of-mine.txt"], "language-missing"],
    ["a language of one line", { "en.txt": "one line" }, ["en.txt"], "documents-too-few"],
    ["minutes that are no number", { "en.txt": paragraphs("word") }, ["en.txt", "--minutes", "soon"], "usage"],
    ["a folder that is not there for the file", { "en.txt": paragraphs("word") }, ["en.txt", "--out", "nowhere/mine.yaml"], "disk-failed"],
  ];
  it.each(cases)("%s: a coded error and no file", async (_, files, args, code) => {
    const { folder } = runFolder();
    put(folder, files);
    const inFolder = args.map((arg, i) => (arg.startsWith("--") || args[i - 1] === "--minutes" ? arg : join(folder, arg)));
    const out = args.includes("--out") ? [] : ["--out", join(folder, "mine.yaml")];
    expect(await run("init", ...inFolder, ...out)).toMatchObject({ event: "failed", code });
    expect(() => readFileSync(join(folder, "mine.yaml"))).toThrow(/ENOENT/);
  });
});
