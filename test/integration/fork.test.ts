/** `train --fork`: another run goes on from a run's newest checkpoint, in a directory of its own. */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { BabelgradProcess, makeRunFolder, type Seen } from "./babelgrad-process.ts";

const made = makeRunFolder();
const source = `${made.folder}/a`;
const started: BabelgradProcess[] = [];

function train(out: string, ...flags: string[]): BabelgradProcess {
  const run = new BabelgradProcess(["train", made.config, "--out", out, ...flags]);
  started.push(run);
  return run;
}

function sets(...settings: string[]): readonly string[] {
  return settings.flatMap((setting) => ["--set", setting]);
}

let before: Seen;
beforeAll(async () => {
  const run = train(source, "--workers", "1", ...sets("steps=12", "optimizer.horizon=30"));
  before = await run.summary();
  expect(before).toMatchObject({ event: "finished", step: 12 });
});
afterEach(async () => {
  for (const run of started.splice(0)) await run.kill();
});
afterAll(made.remove);

describe("a fork with another learning rate", () => {
  it("goes on from the newest checkpoint in a new directory; its weights do not depend on how many workers there are, or on a crash", async () => {
    const flags = ["--fork", ...sets("steps=20", "optimizer.rate=1e-2", "optimizer.horizon=30")];
    const one = train(source, "--workers", "1", ...flags);
    const first = await one.summary();
    expect(first).toMatchObject({ event: "finished", step: 20, tokens: expect.any(Number) });
    const forked = one.events.find(({ event }) => event === "forked");
    expect(forked).toMatchObject({ folder: `${source}-fork1`, step: 12 });
    expect(one.events.find(({ event }) => event === "stepCommitted")).toMatchObject({ step: 12 });
    const about = JSON.parse(readFileSync(`${source}-fork1/run.json`, "utf8")) as { run: string; forkedFrom: object };
    expect(about.forkedFrom).toMatchObject({ run: forked?.["run"], step: 12, keepsMoments: true });
    expect(about.run).not.toBe(forked?.["run"]);

    // Killed before it has a checkpoint of its own, it begins again from the one it was forked from.
    const two = train(source, "--workers", "2", ...flags, ...sets("checkpoint.every=0"));
    await two.untilStep(14);
    await two.kill();
    const again = train(`${source}-fork2`, "--workers", "2", ...sets("steps=20", "optimizer.rate=1e-2", "optimizer.horizon=30"));
    expect(await again.summary()).toEqual(first);

    const longer = await train(source, "--workers", "1", ...sets("steps=20", "optimizer.horizon=30")).summary();
    expect(longer["weightsSha256"]).not.toBe(first["weightsSha256"]);
    expect(longer["tokens"]).toBe(Number(before["tokens"]) + Number(first["tokens"]));
  });
});

describe("a fork with another optimizer and another number of threads, which is another numeric class", () => {
  it("warns that moments begin at zero, and goes on from the weights", async () => {
    const flags = ["--fork", ...sets("steps=24", "optimizer.kind=sgd", "optimizer.rate=0.1", "optimizer.momentum=0.9", "engine.threads=2")];
    const results: Seen[] = [];
    for (const workers of ["1", "2"]) {
      const run = train(source, "--workers", workers, ...flags);
      results.push(await run.summary());
      const warnings = run.events.filter(({ event }) => event === "warned").map(({ what }) => what);
      expect(warnings).toEqual([expect.stringMatching(/its moments are left behind and begin at zero/)]);
    }
    expect(results[0]).toMatchObject({ event: "finished", step: 24 });
    expect(results[1]).toEqual(results[0]);
  });
});

describe("what cannot be forked", () => {
  it.each([
    ["a model with other parameters: checkpoint-differs", source, "model.width=16", "checkpoint-differs", 2],
    ["a directory without a run: usage", `${made.folder}/nothing`, "seed=2", "usage", 2],
  ])("%s, and no directory is left", async (_, out, setting, code, exit) => {
    const names = readdirSync(made.folder);
    const run = train(out, "--workers", "1", "--fork", ...sets(setting));
    expect(await run.summary()).toMatchObject({ event: "failed", code });
    expect(await run.ended()).toBe(exit);
    expect(readdirSync(made.folder).filter((name) => name.includes("fork"))).toEqual(names.filter((name) => name.includes("fork")));
  });
});
