/** What the coordinator does when numbers disagree or are not finite: nothing that an honest cluster shows. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Sha256 } from "../../../src/base/digest.ts";
import { type Digest, type WorkerId, workerId } from "../../../src/base/ids.ts";
import { Cluster } from "../../../src/coordinator/cluster.ts";
import type { ClusterEffect, CommittedStep } from "../../../src/coordinator/cluster-events.ts";
import type { Position, WorkerMessage } from "../../../src/wire/messages.ts";

const [a, b] = [workerId("A"), workerId("B")];
const sha256: Sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex") as Digest; // 64 lower-case hexadecimal digits
};
const digest = (name: string) => sha256([new TextEncoder().encode(name)]);
const first: Position = { step: 0, lineage: digest("L0") };

/** Workers that come with the initial state, so that a generation begins at once. */
function clusterOf(workers: readonly WorkerId[], log: CommittedStep[] = []) {
  const cluster = new Cluster({
    term: 1,
    leaves: 2,
    blocks: 1,
    validationLeaves: 0,
    workersMin: workers.length,
    expected: [],
    graceMs: 100,
    timeoutMs: 1000,
    steps: 10,
    validateEvery: 0,
    checkpointEvery: 0,
    sampleEvery: 0,
    skipsMax: 2,
    sha256,
    scalarsOf: () => ({ rate: 1, beta1Power: 1, beta2Power: 1, clipScale: 1 }),
    history: {
      get committed() {
        return log.length;
      },
      lineageAt: (step) => (step === 0 ? first.lineage : log[step - 1]?.lineage),
      recordOf: (step) => log[step],
      isEvaluated: () => true,
      stored: first,
    },
  });
  const say = (worker: WorkerId, message: WorkerMessage) => cluster.step(0, { kind: "messageReceived", worker, message });
  const ready = workers.flatMap((worker) => say(worker, { kind: "ready", position: first, prepared: undefined }));
  const generation = (effects: readonly ClusterEffect[]) => effects.findLast((e) => e.kind === "recordGeneration")?.plan.generation;
  let current = generation(ready);
  const prepare = (worker: WorkerId, step: number, name: string, sumOfSquares = 1): readonly ClusterEffect[] => {
    const effects = say(worker, {
      kind: "prepared",
      generation: current ?? { term: 0, count: 0 },
      computed: [0],
      step,
      digest: digest(name),
      sumOfSquares,
      tally: [],
    });
    current = generation(effects) ?? current;
    return effects;
  };
  const appended = (step: number) => cluster.step(0, { kind: "recordAppended", step });
  return { cluster, say, prepare, appended, log };
}

function failureOf(effects: readonly ClusterEffect[]): string | undefined {
  return effects.find((e) => e.kind === "fail")?.code;
}

test("two averages of one step: done again once, then the run stops without a commit", () => {
  const { prepare } = clusterOf([a, b]);
  prepare(a, 0, "one");
  const again = prepare(b, 0, "other");
  expect(failureOf(again)).toBeUndefined();
  expect(again.some((e) => e.kind === "recordGeneration" && e.plan.finishFrom.length === 0)).toBe(true);
  prepare(a, 0, "one");
  const last = prepare(b, 0, "other");
  expect(failureOf(last)).toBe("members-disagree");
  expect([...again, ...last].some((e) => e.kind === "append")).toBe(false);
});

test("averages that are not finite: the steps are skipped, the second in a row stops the run", () => {
  const { prepare, appended, log } = clusterOf([a]);
  for (const step of [0, 1]) {
    const record = prepare(a, step, "not finite", Number.NaN).find((e) => e.kind === "append")?.record;
    expect(record?.isSkipped).toBe(true);
    if (record !== undefined) log.push(record);
    expect(failureOf(appended(step))).toBe(step === 0 ? undefined : "loss-not-finite");
  }
});

test("a replayed step that comes out as another: the run stops", () => {
  const { prepare, log } = clusterOf([a]);
  const record = prepare(a, 0, "one").find((e) => e.kind === "append")?.record;
  expect(record).toBeDefined();
  if (record !== undefined) log.push(record);
  const replay = clusterOf([a], log);
  expect(failureOf(replay.prepare(a, 0, "other"))).toBe("replay-differs");
});

test("a worker that has applied more than the log knows: the run stops", () => {
  const { say } = clusterOf([a]);
  expect(failureOf(say(b, { kind: "ready", position: { step: 3, lineage: digest("L3") }, prepared: undefined }))).toBe("log-behind");
});

test("a worker with a state of another lineage: it must load one", () => {
  const { say, prepare, appended, log } = clusterOf([a]);
  say(b, { kind: "ready", position: { step: 0, lineage: digest("another") }, prepared: undefined });
  const record = prepare(a, 0, "one").find((e) => e.kind === "append")?.record;
  if (record !== undefined) log.push(record);
  expect(appended(0)).toContainEqual({
    kind: "send",
    worker: b,
    message: { kind: "load", position: { step: 1, lineage: record?.lineage }, donor: a },
  });
});

test("what the time goes to: compute until the first has prepared, exchange until the last, commit until the record is on disk", () => {
  const { cluster, say, prepare, appended, log } = clusterOf([a, b]);
  expect(cluster.activity).toBe("compute");
  prepare(a, 0, "one");
  expect(cluster.activity).toBe("exchange");
  const record = prepare(b, 0, "one").find((e) => e.kind === "append")?.record;
  expect(cluster.activity).toBe("commit");
  if (record !== undefined) log.push(record);
  appended(0);
  expect(cluster.activity).toBe("compute");
  say(a, { kind: "leaving" });
  say(b, { kind: "leaving" });
  expect(cluster.activity).toBe("idle");
});
