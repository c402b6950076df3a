/** What the machines handle in the simulator in place of Float32Arrays: handles of expressions, poisoned when released. */
import type { BlockIndex } from "../../src/base/ids.ts";
import type { AverageExpression, GradientExpression } from "./expression.ts";

/** A partial in the memory of one trainer. */
export interface Partial {
  readonly gradient: GradientExpression;
  isReleased: boolean;
}

/** The values of one block: a view into a partial, what a frame brought (no source), or an average. */
export type BlockValues =
  | { readonly kind: "view"; readonly block: BlockIndex; readonly gradient: GradientExpression; readonly source: Partial | undefined }
  | { readonly kind: "average"; readonly block: BlockIndex; readonly average: AverageExpression };

export function viewOf(partial: Partial, block: BlockIndex): BlockValues {
  return { kind: "view", block, gradient: partial.gradient, source: partial };
}

/** Reads a block as a frame or a sum does: fails when its memory was given back. */
export function readBlock(values: BlockValues, reader: string): BlockValues {
  if (values.kind === "average") return values;
  if (values.source?.isReleased === true) throw new Error(`${reader} reads block ${values.block} of a released partial`);
  return { kind: "view", block: values.block, gradient: values.gradient, source: undefined };
}

export function giveBack(partial: Partial): void {
  if (partial.isReleased) throw new Error("a partial is released twice");
  partial.isReleased = true;
}
