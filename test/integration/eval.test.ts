/** `babelgrad eval`: the numbers of the run's own evaluations, and those on other data. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BabelgradProcess, makeRunFolder, type Seen } from "./babelgrad-process.ts";

const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));
const { folder, config, remove } = makeRunFolder();
const run = join(folder, "run");
afterAll(remove);
beforeAll(async () => {
  expect(await new BabelgradProcess(["train", config, "--out", run, "--workers", "2"]).ended()).toBe(0);
}, 120_000);

async function evaluated(...args: readonly string[]): Promise<{ readonly status: unknown; readonly events: readonly Seen[] }> {
  const process = new BabelgradProcess(["eval", run, ...args]);
  return { status: await process.ended(), events: process.events };
}

/** The evaluations that the run has logged. */
function logged(): readonly Seen[] {
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Seen).filter(({ event }) => event === "evaluated");
}

async function prepare(name: string, tokenizer: string): Promise<string> {
  const out = join(folder, name);
  const flags = ["--tokenizer", tokenizer, "--split", "id", "--documents", "paragraph", "--validation-share", "0.1", "--out", out];
  expect(await new BabelgradProcess(["data", "prepare", "udhr:es=60+sw=60", ...flags]).ended()).toBe(0);
  return out;
}

test.each([10, 20, 30])("the checkpoint of step %i on the run's own data: the logged evaluation to the last bit", async (step) => {
  const { validationLoss, overallBitsPerByte, bitsPerByte } = logged().find((evaluation) => evaluation["step"] === step) as Seen; // it validates there
  const { status, events } = await evaluated("--checkpoint", String(step));
  expect(status).toBe(0);
  expect(validationLoss).toBeGreaterThan(0);
  expect(events.at(-1)).toMatchObject({ event: "finished", step, validationLoss, overallBitsPerByte, bitsPerByte });
});

test("the best checkpoint: that of the lowest logged loss", async () => {
  const losses = logged().map((evaluation) => Number(evaluation["validationLoss"]));
  const { events } = await evaluated("--checkpoint", "best");
  expect(events.at(-1)?.["validationLoss"]).toBe(Math.min(...losses));
});

test("other data of the same tokenizer, in languages that the run does not have: measured", async () => {
  const { status, events } = await evaluated("--data", await prepare("others", "bytes"));
  expect(status).toBe(0);
  const rows = events.filter(({ event }) => event === "languageEvaluated");
  expect(rows.map(({ language }) => language)).toEqual(["es", "sw"]);
  for (const { tokens, bytes, loss, bitsPerByte } of rows)
    expect(bitsPerByte).toBeCloseTo((Number(loss) * Number(tokens)) / Number(bytes) / Math.LN2, 12);
});

test("data of another tokenizer: tokenizer-differs", async () => {
  const { status, events } = await evaluated("--data", await prepare("characters", "characters"));
  expect(status).toBe(2);
  expect(events.at(-1)).toMatchObject({ event: "failed", code: "tokenizer-differs" });
});

test("a folder that is no prepared data: usage, and how to make one", async () => {
  const { status, events } = await evaluated("--data", folder);
  expect(status).not.toBe(0);
  expect(events.at(-1)).toMatchObject({ event: "failed", code: "usage" });
});

test("for people: a table with a line a language and one for all", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, "eval", run], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  const names = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/\s+/)[0]);
  expect(names.slice(1)).toEqual(["language", "en", "fr", "all"]);
});
