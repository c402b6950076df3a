/**
 * Who computes which leaf and owns which block. A fresh assignment gives each member a run of neighbouring leaves
 * (few languages, few roots to send); after a loss the survivors keep what they have, because they have computed it.
 */
import { assert } from "../base/assert.ts";
import type { Leaf, WorkerId } from "../base/ids.ts";
import { coverOf } from "../step/tree.ts";
import type { Assignment } from "../wire/messages.ts";

/** Leaves and blocks in contiguous runs of nearly equal length, in the order of the members. */
export function freshAssignment(members: readonly WorkerId[], leaves: number, blocks: number): readonly Assignment[] {
  const leafRuns = fewestRoots(members.length, leaves);
  const blockRuns = evenRuns(members.length, blocks);
  return members.map((worker, i) => ({ worker, leaves: leafRuns[i] ?? [], blocks: blockRuns[i] ?? [] }));
}

/** Survivors keep their leaves; each leaf that nobody has goes to the member with fewest; blocks are dealt anew. */
export function reassign(
  before: readonly Assignment[],
  members: readonly WorkerId[],
  leaves: number,
  blocks: number,
): readonly Assignment[] {
  assert(members.length > 0, "a generation has members");
  const held = new Map<WorkerId, Leaf[]>(members.map((worker) => [worker, []]));
  const orphans = new Set(Array.from({ length: leaves }, (_, leaf) => leaf));
  for (const { worker, leaves: kept } of before) {
    if (!held.has(worker)) continue;
    held.get(worker)?.push(...kept);
    for (const leaf of kept) orphans.delete(leaf);
  }
  for (const leaf of orphans) {
    const [least] = [...held.values()].sort((a, b) => a.length - b.length);
    least?.push(leaf);
  }
  const blockRuns = evenRuns(members.length, blocks);
  return members.map((worker, i) => ({
    worker,
    leaves: (held.get(worker) ?? []).sort((a, b) => a - b),
    blocks: blockRuns[i] ?? [],
  }));
}

/** Even runs, tried in each rotation of who gets one more; the rotation with fewest roots to send wins. */
function fewestRoots(members: number, leaves: number): number[][] {
  const extra = leaves % members;
  let best: { runs: number[][]; roots: number } | undefined;
  for (let shift = 0; shift < (extra === 0 ? 1 : members); shift++) {
    const lengths = Array.from({ length: members }, (_, i) => Math.floor(leaves / members) + ((i + shift) % members < extra ? 1 : 0));
    const runs = runsOf(lengths);
    const roots = runs.reduce((sum, run) => sum + coverOf(leaves, new Set(run)).length, 0);
    if (best === undefined || roots < best.roots) best = { runs, roots };
  }
  return best?.runs ?? [];
}

function evenRuns(members: number, count: number): number[][] {
  return runsOf(Array.from({ length: members }, (_, i) => Math.floor(count / members) + (i < count % members ? 1 : 0)));
}

function runsOf(lengths: readonly number[]): number[][] {
  let next = 0;
  return lengths.map((length) => Array.from({ length }, () => next++));
}
