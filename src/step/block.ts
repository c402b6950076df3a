/** Blocks: the flat vector of parameters cut into pieces of one size, the unit of ownership, hashing and transfer. */
import type { BlockIndex } from "../base/ids.ts";

/** Values in a block; the last block of a vector may have fewer. */
export const blockValues = 65_536;

export function blockCount(size: number): number {
  return Math.ceil(size / blockValues);
}

/** Where a block lies in a flat vector of `size` values. */
export function blockRange(size: number, block: BlockIndex): { readonly start: number; readonly end: number } {
  return { start: block * blockValues, end: Math.min(size, (block + 1) * blockValues) };
}
