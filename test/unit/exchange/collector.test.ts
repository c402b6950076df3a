/** Collecting the parts of a block. */
import { expect, test } from "vitest";
import { workerId } from "../../../src/base/ids.ts";
import { Collector, coversOf } from "../../../src/exchange/collector.ts";

test("members with scattered leaves: each sends the roots of its own, one without leaves sends none", () => {
  const member = (name: string, leaves: readonly number[]) => ({ worker: workerId(name), leaves, blocks: [] });
  const covers = coversOf(8, [member("A", [0, 1, 2]), member("B", [3, 6, 7]), member("C", []), member("D", [4, 5])]);
  expect([...covers]).toEqual([
    ["A", [4, 10]],
    ["B", [11, 7]],
    ["C", []],
    ["D", [6]],
  ]);
});

test("parts of two blocks in any order: each block is complete with its last part", () => {
  const collector = new Collector<string>(2);
  expect(collector.add(0, 2, "left of 0")).toBeUndefined();
  expect(collector.add(1, 3, "right of 1")).toBeUndefined();
  expect(collector.has(0, 2)).toBe(true);
  expect(collector.has(0, 3)).toBe(false);
  expect(collector.add(0, 3, "right of 0")).toEqual(
    new Map([
      [2, "left of 0"],
      [3, "right of 0"],
    ]),
  );
  expect(collector.add(1, 2, "left of 1")?.size).toBe(2);
});

test("one root for everything: complete with the first part", () => {
  expect(new Collector<string>(1).add(0, 1, "all")).toEqual(new Map([[1, "all"]]));
});
