/** Branded names and numbers, so that a step is never passed where a generation is meant. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type WorkerId = Brand<string, "WorkerId">;
export type RunId = Brand<string, "RunId">;
/** A SHA-256 as 64 lower-case hexadecimal digits. */
export type Digest = Brand<string, "Digest">;
/** Number of a step, 0 the first; also the number of committed steps before it. */
export type Step = number;
/** Index of a leaf inside its step. */
export type Leaf = number;
/** Index of a block of the flat vector. */
export type BlockIndex = number;
/** BCP 47 code of a language. */
export type Language = string;

/** One life of the coordinator, and a count inside it. A higher pair replaces a lower one everywhere. */
export interface Generation {
  readonly term: number;
  readonly count: number;
}

export const noGeneration: Generation = { term: 0, count: 0 };

/** Negative when `a` is older than `b`, zero when they are the same. */
export function compareGenerations(a: Generation, b: Generation): number {
  return a.term - b.term || a.count - b.count;
}

/** Names a worker. The id was checked where it entered the process. */
export function workerId(text: string): WorkerId {
  return text as WorkerId;
}
