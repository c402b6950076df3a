import { describe, expect, it } from "vitest";
import { workerId } from "../../../src/base/ids.ts";
import { RunHistory } from "../../../src/coordinator/run-history.ts";
import { parseRecord } from "../../../src/coordinator/run-records.ts";
import { checkpointRecord, digest, stepRecord } from "./sample-records.ts";

describe("a history", () => {
  it("of no records: has committed nothing and has no lineage until the run begins", () => {
    const history = new RunHistory(0);
    expect([history.committed, history.term, history.isBegun, history.lineageAt(0)]).toEqual([0, 0, false, undefined]);
    history.begin(digest("L0"));
    expect([history.committed, history.lineageAt(0), history.stored]).toEqual([0, digest("L0"), { step: 0, lineage: digest("L0") }]);
  });

  it("of a fork: begins at the step that it was forked at", () => {
    const history = new RunHistory(0, 20);
    expect([history.committed, history.lineageAt(20)]).toEqual([20, undefined]);
    for (let step = 20; step < 23; step++) history.take(stepRecord(step));
    expect(history.committed).toBe(23);
    expect([0, 19, 20, 23, 24].map((step) => history.lineageAt(step))).toEqual([
      undefined,
      undefined,
      digest("L20"),
      digest("L23"),
      undefined,
    ]);
    expect(history.stored).toEqual({ step: 20, lineage: digest("L20") });
    expect(history.recordOf(20)).toEqual(stepRecord(20));
    expect(() => new RunHistory(0, 20).take(stepRecord(0))).toThrow("step 0 comes after 20 committed steps");
  });

  it("of a fork that was evaluated before its first step: the evaluation says the lineage, and the first step must follow from it", () => {
    const history = new RunHistory(0, 20);
    history.take({ kind: "evaluation", step: 20, lineage: digest("L20"), tally: [] });
    expect([history.committed, history.isEvaluated(20), history.lineageAt(20)]).toEqual([20, true, digest("L20")]);
    history.take(stepRecord(20));
    expect(history.committed).toBe(21);
    const other = new RunHistory(0, 20);
    other.take({ kind: "evaluation", step: 20, lineage: digest("another"), tally: [] });
    expect(() => other.take(stepRecord(20))).toThrow(/lineage/);
  });

  it("of a run: knows steps, lineages, totals, the last term and members, what was evaluated and stored", () => {
    const history = new RunHistory(0);
    history.take({ kind: "term", term: 1, timeMs: 5 });
    const generation = {
      kind: "generation",
      generation: { term: 1, count: 1 },
      step: 0,
      members: [{ worker: workerId("a"), leaves: [0, 1], blocks: [0] }],
      reason: "began",
    } as const;
    history.take(generation);
    for (let step = 0; step < 4; step++) history.take(stepRecord(step));
    history.take({ kind: "evaluation", step: 3, lineage: digest("L3"), tally: [] });
    history.store(4);
    expect(history.committed).toBe(4);
    expect([0, 4, 5].map((step) => history.lineageAt(step))).toEqual([digest("L0"), digest("L4"), undefined]);
    expect(history.recordOf(3)).toEqual(stepRecord(3));
    expect(history.recordOf(4)).toBeUndefined();
    expect([history.isEvaluated(3), history.isEvaluated(4)]).toEqual([true, false]);
    expect(history.stored).toEqual({ step: 4, lineage: digest("L4") });
    expect([history.term, history.lastGeneration]).toEqual([1, generation]);
    expect(history.totals).toEqual([
      { language: 0, sequences: 8, targets: 200, bytes: 600, lossNats: 0.1 + 2.1 },
      { language: 1, sequences: 8, targets: 200, bytes: 600, lossNats: 1.1 + 3.1 },
    ]);
  });

  it("of many steps: keeps whole records only from the oldest checkpoint on disk, then from the one that is stored", () => {
    const history = new RunHistory(10);
    for (let step = 0; step < 40; step++) history.take(stepRecord(step));
    const heldOf = (steps: readonly number[]) => steps.map((step) => history.recordOf(step) !== undefined);
    expect(heldOf([8, 9, 10, 39])).toEqual([false, false, true, true]);
    history.store(30);
    expect(heldOf([29, 30, 39])).toEqual([false, true, true]);
    history.store(40);
    expect(heldOf([38, 39])).toEqual([false, true]);
    history.take(stepRecord(40));
    expect(heldOf([39, 40])).toEqual([false, true]);
    expect([history.lineageAt(1), history.stored.step]).toEqual([digest("L1"), 40]);
  });

  it.each([
    ["a step is missing", [stepRecord(0), stepRecord(2)], "step 2 comes after 1 committed steps"],
    ["a step is there twice", [stepRecord(0), stepRecord(0)], "step 0 comes after 1 committed steps"],
    ["a step follows another state", [stepRecord(0), { ...stepRecord(1), lineageBefore: digest("other") }], "another lineage"],
    [
      "a term goes back",
      [{ kind: "term", term: 2, timeMs: 0 } as const, { kind: "term", term: 2, timeMs: 0 } as const],
      "term 2 follows term 2",
    ],
    ["a checkpoint is ahead", [checkpointRecord(1)], "checkpoint step-1 is ahead of the log"],
  ])("that contradicts itself because %s: log-damaged", (_, records, what) => {
    const history = new RunHistory(0);
    const takeAll = () => {
      for (const record of records) history.take(record);
    };
    expect(takeAll).toThrow(what);
  });
});

describe("a record from disk", () => {
  it("of a known kind with all fields: is taken", () => {
    expect(parseRecord({ ...stepRecord(1) })).toEqual(stepRecord(1));
  });

  it.each([
    [undefined],
    [7],
    [{ kind: "toString" }],
    [{ kind: "future" }],
    [{ ...stepRecord(1), tally: 3 }],
    [{ ...stepRecord(1), scalars: null }],
    [{ kind: "term", term: 1 }],
  ])("of another shape, case %#: is not", (value) => {
    expect(parseRecord(value)).toBeUndefined();
  });
});
