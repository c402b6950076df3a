/**
 * Collects the partials of one step for the blocks that this member owns. A block is complete when the roots of every
 * member's cover are there; only then is it added, in tree order.
 */
import type { BlockIndex, Leaf, WorkerId } from "../base/ids.ts";
import { coverOf, type SubtreeKey } from "../step/tree.ts";
import type { Assignment } from "../wire/messages.ts";

/** Which roots each member sends: the cover of its leaves. A member without leaves sends none. */
export function coversOf(leaves: number, members: readonly Assignment[]): ReadonlyMap<WorkerId, readonly SubtreeKey[]> {
  return new Map(members.map(({ worker, leaves: held }) => [worker, coverOf(leaves, new Set<Leaf>(held))]));
}

export class Collector<B> {
  readonly #roots: number;
  readonly #parts = new Map<BlockIndex, Map<SubtreeKey, B>>();

  /** `roots`: how many roots all covers have together. */
  constructor(roots: number) {
    this.#roots = roots;
  }

  has(block: BlockIndex, subtree: SubtreeKey): boolean {
    return this.#parts.get(block)?.has(subtree) ?? false;
  }

  /** Takes a part; the parts of the block when it is complete now. */
  add(block: BlockIndex, subtree: SubtreeKey, values: B): ReadonlyMap<SubtreeKey, B> | undefined {
    let parts = this.#parts.get(block);
    if (parts === undefined) {
      parts = new Map();
      this.#parts.set(block, parts);
    }
    parts.set(subtree, values);
    return parts.size === this.#roots ? parts : undefined;
  }
}
