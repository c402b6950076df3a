/** Assertions stay on: a broken invariant is a bug, and a bug stops the process before it changes a weight. */

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Closes a switch over a discriminated union; the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`);
}

/** The value, which must be there: the message says which invariant promises it. */
export function present<T>(value: T | undefined, invariant: string): T {
  if (value === undefined) throw new Error(`assertion failed: ${invariant}`);
  return value;
}
