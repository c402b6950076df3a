/** Replays one seed with its trace: SEED=123 npx vitest run test/simulation/replay.test.ts (TAIL=500: only the last lines). */
import { expect, test } from "vitest";
import { simulate } from "./simulate.ts";

const seed = process.env["SEED"];

test.skipIf(seed === undefined)(`seed ${seed ?? ""} is replayed: the run ends well`, () => {
  const result = simulate(Number(seed), undefined, true);
  console.log(result.trace.slice(-Number(process.env["TAIL"] ?? "0")).join("\n"));
  expect(result.failure).toBeUndefined();
});
