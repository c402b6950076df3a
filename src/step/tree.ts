/**
 * The tree over the leaves of a step. It has a fixed shape, so that a sum over leaves is the same whoever adds which
 * part: node (level, index) is the sum of leaves [index · 2^level, (index + 1) · 2^level), left child plus right child.
 */
import { assert } from "../base/assert.ts";
import type { Leaf } from "../base/ids.ts";

/** A complete subtree. Level 0 is a leaf. */
export interface Subtree {
  readonly level: number;
  readonly index: number;
}

/** A subtree as one number, in the order of a heap: the root is 1, the children of n are 2n and 2n + 1. */
export type SubtreeKey = number;

export function subtreeKey(leaves: number, { level, index }: Subtree): SubtreeKey {
  return leaves / 2 ** level + index;
}

export function subtreeOf(leaves: number, key: SubtreeKey): Subtree {
  const depth = Math.floor(Math.log2(key));
  return { level: Math.log2(leaves) - depth, index: key - 2 ** depth };
}

export function leafKey(leaves: number, leaf: Leaf): SubtreeKey {
  return leaves + leaf;
}

/** The leaves below a subtree, ascending. */
export function leavesBelow(leaves: number, key: SubtreeKey): readonly Leaf[] {
  const { level, index } = subtreeOf(leaves, key);
  return Array.from({ length: 2 ** level }, (_, i) => index * 2 ** level + i);
}

/**
 * The cover of a set of leaves: the largest complete subtrees whose leaves are all in the set, by first leaf.
 * This is what a member adds up and sends.
 */
export function coverOf(leaves: number, held: ReadonlySet<Leaf>): readonly SubtreeKey[] {
  assert(Number.isInteger(Math.log2(leaves)), `${leaves} leaves are not a power of two`);
  const cover: SubtreeKey[] = [];
  const visit = (key: SubtreeKey): void => {
    const below = leavesBelow(leaves, key);
    const count = below.filter((leaf) => held.has(leaf)).length;
    if (count === below.length) cover.push(key);
    else if (count > 0) {
      visit(2 * key);
      visit(2 * key + 1);
    }
  };
  visit(1);
  return cover;
}

/** Folds a complete cover to the value of the root, adding children in tree order; undefined while a part is missing. */
export function foldTree<T>(leaves: number, parts: ReadonlyMap<SubtreeKey, T>, add: (left: T, right: T) => T): T | undefined {
  const value = (key: SubtreeKey): T | undefined => {
    const part = parts.get(key);
    if (part !== undefined) return part;
    if (key >= leaves) return undefined;
    const left = value(2 * key);
    const right = left === undefined ? undefined : value(2 * key + 1);
    return left === undefined || right === undefined ? undefined : add(left, right);
  };
  return value(1);
}
