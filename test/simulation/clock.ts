/** Virtual time: a heap of actions by (time, order of scheduling). Nothing happens between two actions. */
import type { Millis } from "../../src/base/machine.ts";

interface Entry {
  readonly at: Millis;
  readonly order: number;
  readonly action: () => void;
}

export class Clock {
  now: Millis = 0;
  /** Actions carried out. */
  count = 0;
  readonly #heap: Entry[] = [];
  #order = 0;

  after(delay: Millis, action: () => void): void {
    this.at(this.now + Math.max(0, delay), action);
  }

  at(time: Millis, action: () => void): void {
    const heap = this.#heap;
    const entry: Entry = { at: Math.max(time, this.now), order: this.#order++, action };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = entry;
  }

  get nextAt(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  /** Carries out the next action; false when there is none. */
  advance(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) this.#sink(last);
    this.now = first.at;
    this.count++;
    first.action();
    return true;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      if (left === undefined) break;
      const [child, at] = right !== undefined && isBefore(right, left) ? [right, 2 * i + 2] : [left, 2 * i + 1];
      if (!isBefore(child, entry)) break;
      heap[i] = child;
      i = at;
    }
    heap[i] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
