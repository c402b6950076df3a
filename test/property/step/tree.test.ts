/** However the leaves are shared out, their covers make the one tree. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { coverOf, foldTree, leafKey, leavesBelow, type SubtreeKey } from "../../../src/step/tree.ts";

const shares = fc
  .integer({ min: 0, max: 5 })
  .chain((depth) => fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2 ** depth, maxLength: 2 ** depth }));

const add = (left: string, right: string) => `(${left} ${right})`;

function whole(leaves: number): string {
  const parts = new Map<SubtreeKey, string>(Array.from({ length: leaves }, (_, leaf) => [leafKey(leaves, leaf), `${leaf}`]));
  return foldTree(leaves, parts, add) ?? "";
}

test("any owners of the leaves: each leaf is under one root, roots are as large as can be, and the sum is the same", () => {
  fc.assert(
    fc.property(shares, (owners) => {
      const leaves = owners.length;
      const parts = new Map<SubtreeKey, string>();
      for (let owner = 0; owner < 5; owner++) {
        const held = new Set(owners.flatMap((o, leaf) => (o === owner ? [leaf] : [])));
        const cover = coverOf(leaves, held);
        expect(cover.flatMap((key) => leavesBelow(leaves, key))).toEqual([...held]);
        for (const key of cover) {
          const parent = Math.floor(key / 2);
          expect(parent === 0 || !leavesBelow(leaves, parent).every((leaf) => held.has(leaf))).toBe(true);
          const below = new Map(leavesBelow(leaves, key).map((leaf) => [leafKey(leaves, leaf), `${leaf}`]));
          parts.set(key, sumBelow(key, leaves, below));
        }
      }
      expect(foldTree(leaves, parts, add)).toBe(whole(leaves));
    }),
  );
});

function sumBelow(key: SubtreeKey, leaves: number, values: ReadonlyMap<SubtreeKey, string>): string {
  return key >= leaves ? (values.get(key) ?? "") : add(sumBelow(2 * key, leaves, values), sumBelow(2 * key + 1, leaves, values));
}
