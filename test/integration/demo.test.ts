/** `babelgrad demo`, as small as its options allow. */
import { expect, it, onTestFinished } from "vitest";
import { BabelgradProcess, runFolder } from "./babelgrad-process.ts";

it("one worker is killed, comes back, and the run ends with all its tokens and a comparison", async () => {
  const { folder } = runFolder();
  const small = ["steps=60", "model.layers=1", "model.width=32", "step.leaves=4", "step.sequences=1", "sample.tokens=4"];
  const run = new BabelgradProcess(["demo", "--out", `${folder}/run`, ...small.flatMap((set) => ["--set", set])]);
  onTestFinished(() => run.kill());
  const killed = await run.until(({ event }) => event === "workerKilled");
  expect(killed["step"]).toBeGreaterThanOrEqual(18);
  const restarted = await run.until(({ event }) => event === "processRestarted");
  expect(restarted).toMatchObject({ name: killed["name"], why: "SIGKILL" });
  const summary = await run.summary();
  expect(summary).toMatchObject({ event: "compared", bitsPerByte: { en: { model: expect.any(Number), unigram: expect.any(Number) } } });
  expect(run.events.at(-2)).toMatchObject({ event: "finished", step: 60 });
  const steps = run.events.filter(({ event }) => event === "stepCommitted").map(({ step }) => step);
  expect(steps).toEqual(Array.from({ length: 60 }, (_, step) => step));
  expect(await run.ended()).toBe(0);
});
