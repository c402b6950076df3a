/** The tree over the leaves, by hand for eight of them. */
import { expect, test } from "vitest";
import { coverOf, foldTree, leafKey, leavesBelow, subtreeKey, subtreeOf } from "../../../src/step/tree.ts";

test("subtrees of eight leaves: keys in the order of a heap", () => {
  expect(subtreeKey(8, { level: 3, index: 0 })).toBe(1);
  expect(subtreeKey(8, { level: 1, index: 2 })).toBe(6);
  expect(leafKey(8, 5)).toBe(13);
  expect(subtreeOf(8, 6)).toEqual({ level: 1, index: 2 });
  expect(leavesBelow(8, 6)).toEqual([4, 5]);
});

test.each([
  [
    [0, 1, 2],
    [4, 10],
  ],
  [
    [3, 4, 5],
    [11, 6],
  ],
  [[6, 7], [7]],
  [[0, 1, 2, 3, 4, 5, 6, 7], [1]],
  [
    [1, 2],
    [9, 10],
  ],
  [[], []],
])("leaves %j: covered by the subtrees %j", (leaves, cover) => {
  expect(coverOf(8, new Set(leaves))).toEqual(cover);
});

test("leaves that are not a power of two: a bug", () => {
  expect(() => coverOf(6, new Set([0]))).toThrow("not a power of two");
});

test("a cover from several members: added as the whole tree is", () => {
  const parts = new Map([
    [7, "(6 7)"],
    [11, "3"],
    [4, "(0 1)"],
    [10, "2"],
    [6, "(4 5)"],
  ]);
  const add = (left: string, right: string) => `(${left} ${right})`;
  expect(foldTree(8, parts, add)).toBe("(((0 1) (2 3)) ((4 5) (6 7)))");
  parts.delete(11);
  expect(foldTree(8, parts, add)).toBeUndefined();
});
