/** `train` as its user meets it: asked to stop, killed in part or as a whole, started again. */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { BabelgradProcess, makeRunFolder, runFolder, type Seen, untilGone } from "./babelgrad-process.ts";

function train(config: string, folder: string, ...flags: string[]): BabelgradProcess {
  const run = new BabelgradProcess(["train", config, "--out", `${folder}/run`, ...flags]);
  started.push(run);
  return run;
}
const started: BabelgradProcess[] = [];
afterEach(async () => {
  for (const run of started.splice(0)) await run.kill();
});

/** What a run is about: equal for equal runs, whatever happened on the way. */
function result({ event, step, tokens, weightsSha256, validationLoss, bitsPerByte }: Seen) {
  return { event, step, tokens, weightsSha256, validationLoss, bitsPerByte };
}

/** The undisturbed run of one worker that every other is compared with. */
let undisturbed: ReturnType<typeof result>;
beforeAll(async () => {
  const { folder, config, remove } = makeRunFolder();
  undisturbed = result(await train(config, folder, "--workers", "1").summary());
  remove();
  expect(undisturbed).toMatchObject({ event: "finished", step: 30, weightsSha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

describe("a worker that is killed", () => {
  it("is started again and takes part again: the run ends with the same weights", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2", "--set", "net.timeoutMs=60000");
    await run.untilStep(4);
    // The other one is held, so that steps remain for the one that comes back.
    process.kill(run.pidOf("w2"), "SIGSTOP");
    const seen = run.events.length;
    process.kill(run.pidOf("w1"), "SIGKILL");
    await run.until((event) => event.event === "workerConnected" && event["worker"] === "w1" && run.events.indexOf(event) > seen);
    process.kill(run.pidOf("w2"), "SIGCONT");
    expect(result(await run.summary())).toEqual(undisturbed);
    const later = run.events.slice(seen);
    expect(later.filter(({ event }) => event === "processRestarted").map(({ name }) => name)).toEqual(["w1"]);
    expect(later.findLast(({ event }) => event === "generationBegan")).toMatchObject({ members: ["w2", "w1"] });
    expect(await run.ended()).toBe(0);
  });
});

describe("a coordinator that is killed", () => {
  it("is started again on its port, its workers come back by themselves: the run ends with the same weights", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2");
    await run.untilStep(7);
    process.kill(run.pidOf("coordinator"), "SIGKILL");
    expect(result(await run.summary())).toEqual(undisturbed);
    expect(run.processes().map(({ name }) => name)).toEqual(["coordinator", "w1", "w2", "coordinator"]);
    const ports = run.events.filter(({ event }) => event === "listening").map(({ port }) => port);
    expect(ports).toEqual([ports[0], ports[0]]);
    expect(await run.ended()).toBe(0);
  });
});

describe("everything is killed", () => {
  it("and the same command goes on: the run ends with the same weights and tokens", async () => {
    const { folder, config } = runFolder();
    const first = train(config, folder, "--workers", "2");
    await first.untilStep(14);
    for (const pid of [first.pid, ...first.processes().map(({ pid: child }) => child)]) process.kill(pid, "SIGKILL");
    await first.ended();
    const second = train(config, folder, "--workers", "2");
    expect(result(await second.summary())).toEqual(undisturbed);
    // What was committed before is not committed, nor counted, again.
    expect(Number(second.events.find(({ event }) => event === "stepCommitted")?.["step"])).toBeGreaterThanOrEqual(15);
  });
});

describe("a supervisor that is killed", () => {
  it("leaves no process behind", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2", "--set", "steps=50000");
    await run.untilStep(3);
    process.kill(run.pid, "SIGKILL");
    await untilGone(run.processes().map(({ pid }) => pid));
    expect(await run.ended()).toBe("SIGKILL");
  });

  it("while its workers open their engines: leaves no process behind", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2");
    await run.until(({ event, name }) => event === "processStarted" && name === "w2");
    process.kill(run.pid, "SIGKILL");
    await untilGone(run.processes().map(({ pid }) => pid));
  });
});

describe("a run that is asked to stop", () => {
  it.each([
    ["by Ctrl-C in its terminal", (run: BabelgradProcess) => process.kill(-run.pid, "SIGINT")],
    ["by SIGTERM", (run: BabelgradProcess) => process.kill(run.pid, "SIGTERM")],
    [
      "by SIGTERM to each of its processes, as a batch system does",
      (run: BabelgradProcess) => {
        for (const pid of [run.pid, ...run.processes().map(({ pid: child }) => child)]) process.kill(pid, "SIGTERM");
      },
    ],
  ])("%s: finishes its step, writes a checkpoint and says stopped; started again it ends with the same weights", async (_, ask) => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2");
    await run.untilStep(3);
    ask(run);
    const stopped = await run.summary();
    expect(stopped).toMatchObject({ event: "stopped", weightsSha256: expect.any(String) });
    const step = Number(stopped["step"]);
    expect(step).toBeLessThan(30);
    expect(run.events.filter(({ event }) => event === "checkpointStored").map((stored) => stored["step"])).toContain(step);
    expect(await run.ended()).toBe(0);
    await untilGone(run.processes().map(({ pid }) => pid));
    const second = train(config, folder, "--workers", "2");
    expect(result(await second.summary())).toEqual(undisturbed);
    expect(second.events.find(({ event }) => event === "stepCommitted")).toMatchObject({ step });
  });

  it("before it has a worker: says stopped after no step", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2");
    await run.until(({ event, name }) => event === "processStarted" && name === "w2");
    process.kill(-run.pid, "SIGINT");
    expect(await run.summary()).toMatchObject({ event: "stopped", step: 0, tokens: 0 });
    expect(await run.ended()).toBe(0);
    await untilGone(run.processes().map(({ pid }) => pid));
  });

  it("twice: ends now with 130, leaves no process behind, and nothing committed is lost", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "2");
    await run.untilStep(3);
    // A step that cannot be finished.
    process.kill(run.pidOf("w1"), "SIGSTOP");
    process.kill(-run.pid, "SIGINT");
    await run.until(({ event }) => event === "stopping");
    process.kill(-run.pid, "SIGINT");
    expect(await run.ended()).toBe(130);
    await untilGone(run.processes().map(({ pid }) => pid));
    expect(result(await train(config, folder, "--workers", "2").summary())).toEqual(undisturbed);
  });
});

describe("a run that is finished", () => {
  it("started again says the same at once, without a worker; with more steps it goes on as a longer run would have gone", async () => {
    const { folder, config } = runFolder();
    const first = await train(config, folder, "--workers", "2").summary();
    expect(result(first)).toEqual(undisturbed);
    const again = train(config, folder, "--workers", "2");
    expect(await again.summary()).toEqual(first);
    expect(again.processes().map(({ name }) => name)).toEqual(["coordinator"]);
    const longer = await train(config, folder, "--workers", "1", "--set", "steps=36").summary();
    // Budget and horizon were fixed when the run was made.
    const whole = runFolder();
    const sets = ["steps=36", "optimizer.horizon=30", `mixture.budget=${30 * 4 * 2}`].flatMap((set) => ["--set", set]);
    expect(result(longer)).toEqual(result(await train(whole.config, whole.folder, "--workers", "2", ...sets).summary()));
    expect(longer).toMatchObject({ event: "finished", step: 36 });
  });
});

describe("a run directory that another process has", () => {
  it("is refused with run-locked at once, exit 75, and the run in it goes on", async () => {
    const { folder, config } = runFolder();
    const run = train(config, folder, "--workers", "1");
    await run.untilStep(2);
    process.kill(run.pidOf("w1"), "SIGSTOP");
    const second = train(config, folder, "--workers", "1");
    expect(await second.summary()).toMatchObject({ event: "failed", code: "run-locked" });
    expect(await second.ended()).toBe(75);
    process.kill(run.pidOf("w1"), "SIGCONT");
    expect(result(await run.summary())).toEqual(undisturbed);
  });
});
