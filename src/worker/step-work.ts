/**
 * One step in flight at one member: the partials it has computed, the parts it collects for its own blocks and the
 * averages that have arrived. Partials survive a change of generation, what others sent does not: a leaf must not be
 * half one member's computation and half another's.
 */
import { assert, present } from "../base/assert.ts";
import type { Sha256 } from "../base/digest.ts";
import type { BlockIndex, Leaf, WorkerId } from "../base/ids.ts";
import { Collector, coversOf } from "../exchange/collector.ts";
import { averageDigest } from "../step/lineage.ts";
import { addTallies, type Tally } from "../step/tally.ts";
import { foldTree, leafKey, leavesBelow, type SubtreeKey } from "../step/tree.ts";
import type { Plan, Position, PreparedStep } from "../wire/messages.ts";
import type { AveragedBlock } from "./member-events.ts";

export interface Partial<P> {
  readonly values: P;
  readonly tally: Tally;
}

export class StepWork<P, B> {
  readonly position: Position;
  readonly leaves: number;
  readonly blocks: number;
  /** Partials held, by subtree; children give way to their sum. */
  readonly partials = new Map<SubtreeKey, Partial<P>>();
  /** Tallies of the sums being added: their children are out of `partials` already. */
  readonly adding = new Map<SubtreeKey, Tally>();
  /** Leaves that this member computed in this step, in whatever generation. */
  readonly computed: Leaf[] = [];
  averages = new Map<BlockIndex, AveragedBlock<B>>();
  tally: Tally | undefined;
  prepared: PreparedStep | undefined;

  covers: ReadonlyMap<WorkerId, readonly SubtreeKey[]> = new Map();
  owners: readonly WorkerId[] = [];
  #mine: ReadonlySet<Leaf> = new Set();
  #roots = new Set<SubtreeKey>();
  #collector = new Collector<B>(0);
  #tallies = new Map<SubtreeKey, Tally>();

  constructor(position: Position, leaves: number, blocks: number) {
    this.position = position;
    this.leaves = leaves;
    this.blocks = blocks;
  }

  /** Takes a plan for this step. Returns the partials that the plan gives to others, to be released. */
  follow(plan: Plan, self: WorkerId): readonly Partial<P>[] {
    this.covers = coversOf(this.leaves, plan.members);
    this.#roots = new Set([...this.covers.values()].flat());
    this.#collector = new Collector(this.#roots.size);
    this.#tallies = new Map();
    this.#mine = new Set(plan.members.find((m) => m.worker === self)?.leaves);
    const owners: WorkerId[] = [];
    for (const { worker, blocks } of plan.members) for (const block of blocks) owners[block] = worker;
    assert(owners.length === this.blocks, "every block has an owner");
    this.owners = owners;
    if (!plan.finishFrom.includes(self)) {
      this.averages = new Map();
      this.tally = undefined;
      this.prepared = undefined;
    }
    const foreign = [...this.partials].filter(([key]) => !this.isMine(key));
    for (const [key] of foreign) this.partials.delete(key);
    return foreign.map(([, partial]) => partial);
  }

  /** Every leaf below the subtree is this member's. */
  isMine(subtree: SubtreeKey): boolean {
    return leavesBelow(this.leaves, subtree).every((leaf) => this.#mine.has(leaf));
  }

  /** The next leaf of this member that is in no partial, held or being added. */
  nextLeaf(): Leaf | undefined {
    const done = new Set([...this.partials.keys(), ...this.adding.keys()].flatMap((key) => leavesBelow(this.leaves, key)));
    return [...this.#mine].sort((a, b) => a - b).find((leaf) => !done.has(leaf));
  }

  /** Two held children whose parent is this member's too. */
  nextSum(): SubtreeKey | undefined {
    return [...this.partials.keys()]
      .filter((key) => key > 1 && key % 2 === 0 && this.partials.has(key + 1))
      .map((key) => key / 2)
      .find((parent) => this.isMine(parent));
  }

  beginSum(parent: SubtreeKey): { readonly left: Partial<P>; readonly right: Partial<P> } {
    const left = present(this.partials.get(2 * parent), "the left child is held");
    const right = present(this.partials.get(2 * parent + 1), "the right child is held");
    this.partials.delete(2 * parent);
    this.partials.delete(2 * parent + 1);
    this.adding.set(parent, addTallies(left.tally, right.tally));
    return { left, right };
  }

  /** Takes the sum; false when it is not this member's any more. */
  endSum(parent: SubtreeKey, values: P): boolean {
    const tally = this.adding.get(parent);
    this.adding.delete(parent);
    if (tally === undefined || !this.isMine(parent)) return false;
    this.partials.set(parent, { values, tally });
    return true;
  }

  /** Takes a computed leaf; false when it is not this member's any more. */
  keepLeaf(leaf: Leaf, values: P, tally: Tally): boolean {
    this.computed.push(leaf);
    if (!this.#mine.has(leaf)) return false;
    this.partials.set(leafKey(this.leaves, leaf), { values, tally });
    return true;
  }

  isRoot(subtree: SubtreeKey): boolean {
    return this.#roots.has(subtree);
  }

  isCollected(block: BlockIndex, subtree: SubtreeKey): boolean {
    return this.averages.has(block) || this.#collector.has(block, subtree);
  }

  /** Takes a part of a block of this member's; its parts and the step's targets when it is complete. */
  collect(
    block: BlockIndex,
    subtree: SubtreeKey,
    values: B,
    tally: Tally,
  ): { parts: ReadonlyMap<SubtreeKey, B>; tally: Tally } | undefined {
    this.#tallies.set(subtree, tally);
    const parts = this.#collector.add(block, subtree, values);
    if (parts === undefined) return undefined;
    return { parts, tally: present(foldTree(this.leaves, this.#tallies, addTallies), "a complete block has every tally") };
  }

  /** Takes an average; the prepared step when it was the last block. */
  keepAverage(sha256: Sha256, block: BlockIndex, average: AveragedBlock<B>, tally: Tally): PreparedStep | undefined {
    this.averages.set(block, average);
    this.tally ??= tally;
    if (this.averages.size < this.blocks) return undefined;
    const inOrder = this.averagesInOrder();
    this.prepared = {
      step: this.position.step,
      digest: averageDigest(
        sha256,
        inOrder.map((a) => a.digest),
      ),
      sumOfSquares: inOrder.reduce((sum, a) => sum + a.sumOfSquares, 0),
      tally: this.tally,
    };
    return this.prepared;
  }

  averagesInOrder(): readonly AveragedBlock<B>[] {
    return Array.from({ length: this.blocks }, (_, block) => present(this.averages.get(block), "a prepared step has every block"));
  }
}
