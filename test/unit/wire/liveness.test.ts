/** Silence of others, and sleep of one's own. */
import { expect, test } from "vitest";
import { Liveness } from "../../../src/wire/liveness.ts";

/** Looks as often as it is asked to until `end`, and says who was silent when. */
function watch(liveness: Liveness<string>, end: number): [number, string][] {
  const found: [number, string][] = [];
  for (let at = liveness.checkAt; at !== undefined && at <= end; at = liveness.checkAt)
    for (const peer of liveness.silent(at)) {
      found.push([at, peer]);
      liveness.forget(peer);
    }
  return found;
}

test("a peer that is silent for the time-out: found at the first look after it", () => {
  const liveness = new Liveness<string>(1000);
  liveness.heard(0, "A");
  liveness.heard(300, "B");
  expect(watch(liveness, 2000)).toEqual([
    [1000, "A"],
    [1500, "B"],
  ]);
  expect(liveness.checkAt).toBeUndefined();
});

test("a peer that is heard: never found", () => {
  const liveness = new Liveness<string>(1000);
  for (let now = 0; now <= 5000; now += 500) {
    liveness.heard(now, "A");
    expect(watch(liveness, now + 499)).toEqual([]);
  }
});

test("this process sleeps for ten time-outs: nobody is silent, and every deadline moves by the sleep", () => {
  const liveness = new Liveness<string>(1000);
  liveness.heard(0, "A");
  expect(watch(liveness, 250)).toEqual([]);
  expect(liveness.silent(10_500)).toEqual([]);
  expect(watch(liveness, 10_999)).toEqual([]);
  expect(watch(liveness, 11_500)).toEqual([[11_000, "A"]]);
});

test("looking early: nothing is decided", () => {
  const liveness = new Liveness<string>(1000);
  liveness.heard(0, "A");
  expect(liveness.silent(249)).toEqual([]);
  expect(liveness.checkAt).toBe(250);
});
