/** Planted bugs: the seeds that guard every commit must find each of them, or they guard nothing. */
import { expect, test } from "vitest";
import { arrivalOrder } from "./planted/arrival-order.ts";
import { checkpointUnverified } from "./planted/checkpoint-unverified.ts";
import { commitBeforeAppend } from "./planted/commit-before-append.ts";
import { duplicateAddedTwice } from "./planted/duplicate-added-twice.ts";
import { earlyFrameDropped } from "./planted/early-frame-dropped.ts";
import { joinerBeforeState } from "./planted/joiner-before-state.ts";
import { linkOpenedForgotten } from "./planted/link-opened-forgotten.ts";
import { oldGenerationAccepted } from "./planted/old-generation-accepted.ts";
import { ownSleepCounted } from "./planted/own-sleep-counted.ts";
import { redoInsteadOfFinish } from "./planted/redo-instead-of-finish.ts";
import { releasedAtPrepared } from "./planted/released-at-prepared.ts";
import { replayAppended } from "./planted/replay-appended.ts";
import { slowEvicted } from "./planted/slow-evicted.ts";
import { termForgotten } from "./planted/term-forgotten.ts";
import { seedsInTests } from "./seeds.ts";
import { simulate } from "./simulate.ts";

test.each([
  ["a step is committed before its record is on disk", commitBeforeAppend, /before its record is on disk/],
  ["partials of an older generation are accepted", oldGenerationAccepted, /refuses a frame|averaged block/],
  ["a step that a survivor has prepared is done again", redoInsteadOfFinish, /is done again although/],
  ["a joiner is a member before it has the state", joinerBeforeState, /state/],
  ["parts are added in the order of arrival", arrivalOrder, /averaged block/],
  ["partials are released before the commit", releasedAtPrepared, /of a released partial/],
  ["a partial that is sent again counts twice", duplicateAddedTwice, /averaged block/],
  ["a new coordinator has the term of the old one", termForgotten, /stalled|assertion failed/],
  ["a replayed step is appended again", replayAppended, /is appended to a log of/],
  ["a slow member is evicted", slowEvicted, /is evicted \(too slow\)/],
  ["the coordinator's own sleep is counted as silence", ownSleepCounted, /is evicted \((silent|no link)/],
  ["nothing is sent again on a link that comes back", linkOpenedForgotten, /stalled/],
  ["frames that come before their plan are dropped", earlyFrameDropped, /stalled/],
  ["a checkpoint is the newest before it is whole", checkpointUnverified, /state/],
])("%s: a seed finds it", (name, machines, symptom) => {
  const found = seedsInTests.find((seed) => {
    const { failure } = simulate(seed, machines);
    return failure !== undefined && symptom.test(failure);
  });
  console.log(`${name}: found by seed ${found}`);
  expect(found).toBeDefined();
});
