/** Whoever comes and goes, each leaf and each block has one member, and survivors keep what they have computed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { workerId } from "../../../src/base/ids.ts";
import { freshAssignment, reassign } from "../../../src/coordinator/assignment.ts";
import type { Assignment } from "../../../src/wire/messages.ts";

const names = Array.from({ length: 9 }, (_, i) => workerId(`w${i}`));
const members = fc.subarray(names, { minLength: 1 });
const leaves = fc.integer({ min: 0, max: 5 }).map((depth) => 2 ** depth);

function expectWhole(assignment: readonly Assignment[], leafCount: number, blockCount: number): void {
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
  expect(assignment.flatMap((m) => m.leaves).sort((x, y) => x - y)).toEqual(upTo(leafCount));
  expect(assignment.flatMap((m) => m.blocks).sort((x, y) => x - y)).toEqual(upTo(blockCount));
  const blockCounts = assignment.map((m) => m.blocks.length);
  expect(Math.max(...blockCounts) - Math.min(...blockCounts)).toBeLessThanOrEqual(1);
}

test("any members: a fresh assignment is whole, even and made of runs", () => {
  fc.assert(
    fc.property(members, leaves, fc.integer({ min: 1, max: 40 }), (ids, leafCount, blockCount) => {
      const assignment = freshAssignment(ids, leafCount, blockCount);
      expectWhole(assignment, leafCount, blockCount);
      const counts = assignment.map((m) => m.leaves.length);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      for (const { leaves: run } of assignment) expect(run).toEqual(run.map((_, i) => (run[0] ?? 0) + i));
    }),
  );
});

test("any series of losses and returns: whole each time, and survivors keep their leaves", () => {
  fc.assert(
    fc.property(
      members,
      fc.array(members, { maxLength: 6 }),
      leaves,
      fc.integer({ min: 1, max: 40 }),
      (first, later, leafCount, blockCount) => {
        let before = freshAssignment(first, leafCount, blockCount);
        for (const ids of later) {
          const after = reassign(before, ids, leafCount, blockCount);
          expectWhole(after, leafCount, blockCount);
          for (const { worker, leaves: kept } of before) {
            const now = after.find((m) => m.worker === worker);
            if (now !== undefined) for (const leaf of kept) expect(now.leaves).toContain(leaf);
          }
          before = after;
        }
      },
    ),
  );
});
