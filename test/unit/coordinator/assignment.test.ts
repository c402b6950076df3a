/** Assignments, by hand. */
import { expect, test } from "vitest";
import { workerId } from "../../../src/base/ids.ts";
import { freshAssignment, reassign } from "../../../src/coordinator/assignment.ts";

const [a, b, c] = [workerId("A"), workerId("B"), workerId("C")];

test("eight leaves for three members: runs of neighbours", () => {
  expect(freshAssignment([a, b, c], 8, 3)).toEqual([
    { worker: "A", leaves: [0, 1, 2], blocks: [0] },
    { worker: "B", leaves: [3, 4, 5], blocks: [1] },
    { worker: "C", leaves: [6, 7], blocks: [2] },
  ]);
});

test("more members than leaves and blocks: some have none", () => {
  const assignment = freshAssignment([a, b, c], 2, 1);
  expect(assignment.map((m) => m.leaves.length).sort((x, y) => x - y)).toEqual([0, 1, 1]);
  expect(assignment.map((m) => m.blocks.length)).toEqual([1, 0, 0]);
});

test("a member is lost: the others keep their leaves and share its own", () => {
  expect(reassign(freshAssignment([a, b, c], 8, 3), [a, c], 8, 3)).toEqual([
    { worker: "A", leaves: [0, 1, 2, 4], blocks: [0, 1] },
    { worker: "C", leaves: [3, 5, 6, 7], blocks: [2] },
  ]);
});

test("nobody is left: a bug", () => {
  expect(() => reassign(freshAssignment([a], 8, 3), [], 8, 3)).toThrow("a generation has members");
});
