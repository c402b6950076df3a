/** `babelgrad generate` on the smallest run, as a user types it. */
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BabelgradProcess, makeRunFolder, runFolder } from "./babelgrad-process.ts";

const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));
const { folder, config, remove } = makeRunFolder();
const run = join(folder, "run");
afterAll(remove);
beforeAll(async () => {
  expect(
    await new BabelgradProcess([
      "train",
      config,
      "--out",
      run,
      "--workers",
      "1",
      "--set",
      "sample.every=10",
      "--set",
      "sample.languages=fr,en",
    ]).ended(),
  ).toBe(0);
}, 120_000);

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function babelgrad(args: readonly string[], input = ""): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...args], { input, encoding: "utf8" });
  return { status, out: stdout, err: stderr };
}

const generate = (...args: readonly string[]): Ended => babelgrad(["generate", run, "--tokens", "12", ...args]);

/** The text that a command wrote, which must succeed without a word on standard error. */
function written({ status, out, err }: Ended): string {
  expect([err, status]).toEqual(["", 0]);
  return out;
}

interface Event {
  readonly event: string;
  readonly [field: string]: unknown;
}

const eventsOf = ({ out }: Ended): readonly Event[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);

describe("a finished run", () => {
  test("a prompt and a seed: the prompt and what follows it, the same each time; another seed: another text", () => {
    const text = written(generate("--prompt", "Everyone has", "--seed", "3"));
    expect(text).toMatch(/^Everyone has[\s\S]+\n$/);
    expect(written(generate("--prompt", "Everyone has", "--seed", "3"))).toBe(text);
    expect(written(generate("--prompt", "Everyone has", "--seed", "4"))).not.toBe(text);
  });

  test("temperature 0: the same text for every seed", () => {
    const greedy = (seed: string): string => written(generate("--temperature", "0", "--seed", seed));
    expect(greedy("1")).toBe(greedy("2"));
  });

  test("a prompt from standard input, without the end of its last line", () => {
    expect(written(babelgrad(["generate", run, "--prompt", "-", "--tokens", "5"], "Toute personne\n"))).toMatch(/^Toute personne[^\n]/);
  });

  test("--json: pieces that make up each text, and a summary with the speed", () => {
    const ended = generate("--prompt", "Everyone", "--count", "2", "--json");
    expect(ended.status).toBe(0);
    const events = eventsOf(ended);
    const texts = events.filter(({ event }) => event === "textWritten");
    expect(texts.map(({ index, seed, prompt }) => [index, seed, prompt])).toEqual([
      [0, 0, "Everyone"],
      [1, 1, "Everyone"],
    ]);
    for (const { index, text } of texts) {
      const pieces = events.filter(({ event, index: of }) => event === "pieceWritten" && of === index);
      expect(pieces.map((piece) => piece["text"]).join("")).toBe(text);
    }
    const summary = events.at(-1);
    expect(summary).toMatchObject({ event: "finished", checkpoint: "step-000030", texts: 2, tokens: 24 });
    expect(Number(summary?.["secondsToFirstToken"])).toBeGreaterThan(0);
  });

  test("a language without a prompt: it begins with whole words of that language's validation text", () => {
    const [text] = eventsOf(generate("--language", "fr", "--json")).filter(({ event }) => event === "textWritten");
    const prompt = String(text?.["prompt"]);
    expect(prompt.length).toBeGreaterThan(10);
    const shard = readFileSync(join(run, "data", readdirSync(join(run, "data")).find((name) => /^fr\W.*validation/.test(name)) ?? ""));
    const tokens = new Uint16Array(new Uint8Array(shard).buffer);
    const validation = Buffer.from(tokens.filter((token) => token < 256)).toString();
    expect(validation.startsWith(prompt)).toBe(true);
    expect(validation[prompt.length]).toMatch(/\s/);
  });

  test("a language that the run does not have: an error that names those it has", () => {
    const { status, err } = generate("--language", "sw", "--prompt", "Kila mtu");
    expect(status).toBe(2);
    expect(err).toMatch(/^language-unknown: .*sw\n.*en, fr/);
  });

  test("a prompt longer than the context: a warning, and the text goes on from its end", () => {
    const end = "x".repeat(31);
    const long = generate("--prompt", `${"Everyone has the right to life. ".repeat(3)}A${end}`);
    expect(long.status).toBe(0);
    expect(long.err).toMatch(/127|128/);
    expect(long.err).toContain("the last 32 are used");
    expect(long.out.slice(-10)).toBe(written(generate("--prompt", `A${end}`)).slice(-10));
  });

  test("an empty prompt, more tokens than the context: a new document, and it goes on", () => {
    expect(written(babelgrad(["generate", run, "--tokens", "100", "--top-p", "0.9"])).length).toBeGreaterThan(32);
  });

  test("a reader that leaves: it ends at once and nothing is complained about", () => {
    const script = `"$0" "$1" generate "$2" --tokens 1000000 | head -c 3; exit "\${PIPESTATUS[0]}"`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script, process.execPath, launcher, run], { encoding: "utf8" });
    expect([stdout.length, stderr, status]).toEqual([3, "", 0]);
  });

  test.each([
    [["--tokens", "many"], "--tokens"],
    [["--top-p", "1.5"], "--top-p"],
    [["--temperature", "-1"], "--temperature"],
    [["--checkpoint", "newest"], "--checkpoint"],
  ])("%s: a usage error that names the flag", (args, flag) => {
    const { status, err } = generate(...args);
    expect([status, err.startsWith(`usage: ${flag}`)]).toEqual([2, true]);
  });

  test("samples of its training: one file a sampling, a line a language", () => {
    expect(readdirSync(join(run, "samples"))).toEqual(["step-000010.jsonl", "step-000020.jsonl", "step-000030.jsonl"]);
    const lines = readFileSync(join(run, "samples", "step-000030.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
    const samples = lines.map((line) => JSON.parse(line) as { language: string; text: string });
    expect(samples.map(({ language }) => language)).toEqual(["fr", "en"]);
    for (const { text } of samples) expect(text).toContain("|");
  });
});

describe("checkpoints", () => {
  const copy = (name: string): string => {
    const to = join(folder, name);
    cpSync(run, to, { recursive: true, verbatimSymlinks: true });
    return to;
  };
  const damage = (of: string, step: string): void => appendFileSync(join(of, "checkpoints", step, "model.safetensors"), "x");
  const textOf = (of: string, ...args: readonly string[]): Ended => babelgrad(["generate", of, "--tokens", "8", ...args]);

  test("one that is named, the best, the newest: each writes its own text", () => {
    const at10 = written(textOf(run, "--checkpoint", "10"));
    const newest = written(textOf(run));
    expect(at10).not.toBe(newest);
    expect(written(textOf(run, "--checkpoint", "final"))).toBe(newest);
    expect(written(textOf(run, "--checkpoint", "best"))).toBe(newest); // its loss falls all the way
  });

  test("the newest is damaged: the one before is used, with a warning; asked for by name it is an error", () => {
    const damaged = copy("damaged");
    damage(damaged, "step-000030");
    const { status, out, err } = textOf(damaged);
    expect([status, out]).toEqual([0, written(textOf(run, "--checkpoint", "20"))]);
    expect(err).toMatch(/^checkpoint-corrupt: .*Going on from step-000020\n$/);
    for (const which of ["30", "final"]) expect(textOf(damaged, "--checkpoint", which).err).toMatch(/^checkpoint-corrupt/);
    damage(damaged, "step-000020");
    damage(damaged, "step-000010");
    const all = textOf(damaged);
    expect([all.status, all.err.split(":")[0]]).toEqual([1, "checkpoint-corrupt"]);
  });

  test("a step that has none: an error that names those there are", () => {
    const { status, err } = textOf(run, "--checkpoint", "7");
    expect(status).toBe(1);
    expect(err).toMatch(/^checkpoint-none: [\s\S]*10, 20, 30/);
  });

  test("of another run: refused", () => {
    const mixed = copy("mixed");
    const about = JSON.parse(readFileSync(join(mixed, "run.json"), "utf8")) as { run: string };
    rmSync(join(mixed, "run.json"));
    appendFileSync(join(mixed, "run.json"), JSON.stringify({ ...about, run: "another" }));
    expect(textOf(mixed).err).toMatch(/^checkpoint-unknown/);
  });

  test("none at all: an error; reading has changed nothing", () => {
    const empty = copy("empty");
    rmSync(join(empty, "checkpoints"), { recursive: true });
    const before = readdirSync(empty);
    const { status, err } = textOf(empty);
    expect([status, err.split(":")[0]]).toEqual([1, "checkpoint-none"]);
    expect(readdirSync(empty)).toEqual(before);
  });
});

test("a folder without a run, one that is not there, a file: run-missing, and nothing is made", () => {
  const other = join(folder, "other");
  mkdirSync(other);
  for (const path of [other, join(folder, "nowhere"), config]) {
    const { status, err } = babelgrad(["generate", path]);
    expect([status, err.split(":")[0]]).toEqual([2, "run-missing"]);
  }
  expect(readdirSync(folder)).not.toContain("nowhere");
  expect(readdirSync(other)).toEqual([]);
});

test("a run that is being trained: text from its newest checkpoint, and the training goes on", async () => {
  const made = runFolder();
  const out = join(made.folder, "run");
  const training = new BabelgradProcess(["train", made.config, "--out", out, "--workers", "1", "--set", "steps=50000"]);
  try {
    await training.until(({ event }) => event === "checkpointStored");
    const { status, events } = await generateWhile(out);
    expect(status).toBe(0);
    const last = training.events.findLast(({ event }) => event === "stepCommitted");
    await training.untilStep(Number(last?.["step"]) + 2);
    expect(training.count("workerGone")).toBe(0);
    expect(events.at(-1)).toMatchObject({ event: "finished", tokens: 8 });
  } finally {
    await training.kill();
  }
}, 120_000);

async function generateWhile(out: string): Promise<{ readonly status: unknown; readonly events: readonly Event[] }> {
  const writing = new BabelgradProcess(["generate", out, "--tokens", "8"]);
  return { status: await writing.ended(), events: writing.events };
}

test("samples in a language that the data do not have: refused before a run is made", async () => {
  const made = runFolder();
  const training = new BabelgradProcess(["train", made.config, "--out", join(made.folder, "run"), "--set", "sample.languages=en,xx"]);
  expect(await training.ended()).toBe(2);
  expect(await training.summary()).toMatchObject({ event: "failed", code: "language-unknown" });
});

test("a characters tokenizer and a prompt with another character: character-unknown", async () => {
  const made = runFolder();
  const out = join(made.folder, "run");
  const sets = ["data.tokenizer=characters", "steps=1", "optimizer.warmup=0"].flatMap((setting) => ["--set", setting]);
  expect(await new BabelgradProcess(["train", made.config, "--out", out, "--workers", "1", ...sets]).ended()).toBe(0);
  const { status, err } = babelgrad(["generate", out, "--prompt", "語"]);
  expect([status, err.split(":")[0]]).toEqual([1, "character-unknown"]);
}, 120_000);
