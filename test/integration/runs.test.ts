/** `babelgrad runs` and `runs compare` beside real runs: finished, trained at this moment, and damaged in every way. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BabelgradProcess, makeRunFolder, type Seen } from "./babelgrad-process.ts";

const made = makeRunFolder();
const runs = join(made.folder, "runs");
const started: BabelgradProcess[] = [];

function start(...args: string[]): BabelgradProcess {
  const one = new BabelgradProcess(args);
  started.push(one);
  return one;
}

async function listed(...dirs: string[]): Promise<ReadonlyMap<string, Seen>> {
  const list = start("runs", ...dirs);
  expect(await list.summary(), list.errorOutput).toMatchObject({ event: "finished" });
  expect(await list.ended()).toBe(0);
  return new Map(
    list.events.filter(({ event }) => event === "runFound").map((seen) => [String(seen["folder"]).split("/").at(-1) ?? "", seen]),
  );
}

/** Every file below with its bytes: what a command that only looks must leave alone. */
function contentOf(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name), "latin1")]));
}

const train = (out: string, ...sets: string[]) =>
  start("train", made.config, "--out", join(runs, out), "--workers", "1", ...sets.flatMap((setting) => ["--set", setting]));

beforeAll(async () => {
  expect(await train("parent", "steps=20").summary()).toMatchObject({ event: "finished" });
});
afterEach(async () => {
  for (const one of started.splice(0)) await one.kill();
});
afterAll(made.remove);

describe("a finished run", () => {
  it("is listed with what it is and where it stands, and not a byte of it is changed", async () => {
    const before = contentOf(join(runs, "parent"));
    const parent = (await listed(runs)).get("parent");
    expect(parent).toMatchObject({
      state: "finished",
      model: "transformer",
      languages: ["en", "fr"],
      step: 20,
      steps: 20,
      validationStep: 20,
      workers: 1,
      checkpoint: 20,
      notes: [],
    });
    for (const field of ["parameters", "tokens", "loss", "validationLoss", "overallBitsPerByte", "activeMs", "bytes"])
      expect(parent?.[field], field).toBeGreaterThan(0);
    expect(contentOf(join(runs, "parent"))).toEqual(before);
  });

  it("named itself instead of the folder it is in: the same", async () => {
    expect((await listed(join(runs, "parent"))).get("parent")).toMatchObject({ state: "finished", step: 20 });
  });

  it("compared with itself: no difference", async () => {
    const compare = start("runs", "compare", join(runs, "parent"), join(runs, "parent"));
    const summary = await compare.summary();
    expect(compare.count("optionDiffers") + compare.count("classDiffers")).toBe(0);
    expect(compare.events.find(({ event }) => event === "dataCompared")).toMatchObject({ comparable: { loss: true, overall: true } });
    const { a, b } = summary["validationLoss"] as { a: number; b: number };
    expect(a).toBeGreaterThan(0);
    expect(b).toBe(a);
  });

  it("compared with its fork: the option that differs, and curves from where the fork began", async () => {
    const fork = start(
      "train",
      made.config,
      "--out",
      join(runs, "parent"),
      "--workers",
      "1",
      "--fork",
      "--set",
      "steps=30",
      "--set",
      "optimizer.rate=1e-2",
    );
    expect(await fork.summary()).toMatchObject({ event: "finished", step: 30 });
    const longer = train("parent", "steps=30");
    expect(await longer.summary()).toMatchObject({ event: "finished", step: 30 });
    const compare = start("runs", "compare", join(runs, "parent"), join(runs, "parent-fork1"));
    await compare.summary();
    expect(compare.events).toContainEqual({ event: "optionDiffers", option: "optimizer.rate", kind: "result", a: 0.003, b: 0.01 });
    const rows = compare.events.filter(({ event }) => event === "lossCompared");
    expect(rows.map(({ step }) => step)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    expect((await listed(runs)).get("parent-fork1")).toMatchObject({ forkedFrom: { step: 20 }, step: 30 });
    rmSync(join(runs, "parent-fork1"), { recursive: true });
  });
});

describe("a run that is trained at this moment", () => {
  it("is listed as such as often as one looks, and ends with the weights it would have had", async () => {
    const undisturbed = await train("undisturbed", "steps=300").summary();
    const run = train("now", "steps=300");
    await run.untilStep(5);
    const now = (await listed(runs)).get("now");
    expect(now).toMatchObject({ state: "training", steps: 300, holder: expect.stringContaining("process") });
    expect(now?.["step"]).toBeGreaterThan(5);
    while (run.count("finished") === 0 && run.events.length < 150) await listed(runs);
    expect((await run.summary())["weightsSha256"]).toBe(undisturbed["weightsSha256"]);
    expect((await listed(runs)).get("now")).toMatchObject({ state: "finished", step: 300 });
    for (const name of ["now", "undisturbed"]) rmSync(join(runs, name), { recursive: true });
  });
});

describe("a run directory that is not whole", () => {
  const copy = (name: string): string => {
    cpSync(join(runs, "parent"), join(runs, name), { recursive: true });
    return join(runs, name);
  };

  it("each is listed with what is wrong, and the others as ever", async () => {
    mkdirSync(join(runs, "empty"));
    writeFileSync(join(runs, "a-file"), "");
    rmSync(join(copy("no-config"), "config.yaml"));
    writeFileSync(join(copy("unknown-option"), "config.yaml"), "model: { wings: 2 }\n");
    rmSync(join(copy("no-checkpoint"), "checkpoints"), { recursive: true });
    rmSync(join(copy("no-metrics"), "metrics.jsonl"));
    rmSync(join(copy("no-data"), "data"), { recursive: true });
    rmSync(join(copy("no-about"), "run.json"));
    writeFileSync(join(copy("bad-about"), "run.json"), "{");
    rmSync(join(copy("no-log"), "log"));
    const torn = join(copy("torn"), "log");
    truncateSync(torn, statSync(torn).size - 7);
    const damaged = join(copy("damaged"), "log");
    const bytes = readFileSync(damaged);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(damaged, bytes);
    appendGarbage(join(copy("cut-metrics"), "metrics.jsonl"));
    const checkpoints = join(copy("cut-checkpoint"), "checkpoints");
    truncateSync(join(checkpoints, readdirSync(checkpoints).sort().at(-1) ?? "", "model.safetensors"), 1000);
    const before = contentOf(runs);

    const found = await listed(runs);
    const expected: readonly (readonly [string, string, RegExp | undefined])[] = [
      ["parent", "finished", undefined],
      ["empty", "none", /no run in this folder/],
      ["no-config", "damaged", /config.yaml is missing/],
      ["unknown-option", "damaged", /option-unknown.*wings/],
      ["no-checkpoint", "stopped", /no checkpoint yet/],
      ["no-metrics", "finished", /metrics.jsonl is missing/],
      ["no-data", "finished", undefined],
      ["no-about", "damaged", /run.json is missing/],
      ["bad-about", "damaged", /run-damaged.*run.json/],
      ["no-log", "damaged", /the log is missing/],
      ["torn", "finished", /cut off by a crash/],
      ["damaged", "damaged", /log-damaged/],
      ["cut-metrics", "finished", undefined],
      ["cut-checkpoint", "damaged", /checkpoint-corrupt.*model.safetensors of 1000 bytes/],
    ];
    expect([...found.keys()].sort()).toEqual(expected.map(([name]) => name).sort());
    for (const [name, state, note] of expected) {
      expect(found.get(name)?.["state"], name).toBe(state);
      const notes = [found.get(name)?.["notes"]].flat().join("\n");
      if (note === undefined) expect(notes, name).toBe("");
      else expect(notes, name).toMatch(note);
    }
    expect(found.get("no-data")).toMatchObject({ languages: ["en", "fr"] });
    expect(contentOf(runs)).toEqual(before);
  });

  it("compared with a whole one: what is left to compare is, and without anything it is a coded error", async () => {
    const whole = join(runs, "parent");
    const config = start("runs", "compare", whole, join(runs, "no-log"));
    expect(await config.summary()).toMatchObject({ event: "finished" });
    expect(config.events.find(({ event }) => event === "dataCompared")).toMatchObject({
      reasons: [expect.stringContaining("no committed step")],
    });
    const nothing = start("runs", "compare", whole, join(runs, "no-about"));
    expect(await nothing.summary()).toMatchObject({ event: "finished" });
    rmSync(join(runs, "no-about", "config.yaml"));
    const error = start("runs", "compare", whole, join(runs, "no-about"));
    expect(await error.summary()).toMatchObject({ event: "failed", code: "runs-incomparable" });
    expect(await error.ended()).toBe(1);
  });

  it("that is not there, or holds no run: run-missing; no folder runs: said, and no failure", async () => {
    const missing = start("runs", join(runs, "nowhere"));
    expect(await missing.summary()).toMatchObject({ event: "failed", code: "run-missing" });
    const compare = start("runs", "compare", join(runs, "parent"), join(runs, "empty"));
    expect(await compare.summary()).toMatchObject({ event: "failed", code: "run-missing", exit: 2 });
    expect(existsSync(join(runs, "nowhere"))).toBe(false);
  });
});

/** Half a line, as a process that is killed while it writes leaves it. */
function appendGarbage(path: string): void {
  writeFileSync(path, `${readFileSync(path, "utf8")}{"event":"stepCom`);
}
