import { expect, it } from "vitest";
import { workerId } from "../../../src/base/ids.ts";
import { Activity } from "../../../src/coordinator/activity.ts";

const w1 = workerId("w1");
const w2 = workerId("w2");

it("nothing changes: told once a second", () => {
  const activity = new Activity();
  expect([0, 200, 999, 1000, 1200, 2000].map((now) => activity.due(now) !== undefined)).toEqual([true, false, false, true, false, true]);
});

it("a worker connects, is given leaves, says what it does, and goes: told each time with all that is known", () => {
  const activity = new Activity();
  activity.due(0);
  activity.connected(w1);
  activity.connected(w2);
  expect(activity.due(1)).toEqual({
    kind: "activity",
    phase: "idle",
    workers: [
      { worker: w1, phase: "idle", leaves: 0 },
      { worker: w2, phase: "idle", leaves: 0 },
    ],
  });
  activity.planned([{ worker: w1, leaves: [0, 1, 2], blocks: [0] }]);
  activity.enter("compute");
  activity.heard(w1, "exchange");
  expect(activity.due(2)).toEqual({
    kind: "activity",
    phase: "compute",
    workers: [
      { worker: w1, phase: "exchange", leaves: 3 },
      { worker: w2, phase: "idle", leaves: 0 },
    ],
  });
  activity.heard(w1, "exchange");
  activity.enter("compute");
  expect(activity.due(3)).toBeUndefined();
  activity.gone(w1);
  expect(activity.due(4)).toMatchObject({ workers: [{ worker: w2 }] });
});
