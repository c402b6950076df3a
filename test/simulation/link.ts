/**
 * A connection between two processes: ordered, delayed, and mortal. When one end closes or dies the other hears of it
 * after what was under way, or instead of some of it. Half-open: everything vanishes until the pings are missed.
 */
import type { Millis } from "../../src/base/machine.ts";
import type { Clock } from "./clock.ts";
import type { Process } from "./process.ts";

export interface End<M> {
  readonly process: Process;
  take(message: M): void;
  closed(): void;
}

export interface Air {
  readonly clock: Clock;
  readonly pingTimeoutMs: Millis;
  delayMs(from: string, to: string): Millis;
  /** Messages that a scenario holds back. */
  isHeld(from: string, to: string, message: unknown): boolean;
  /** How many of the messages under way still arrive when their sender closes the link or dies. */
  survivors(from: string, to: string, messages: readonly unknown[]): number;
  lost(from: string, to: string, message: unknown): void;
}

type Item<M> = { readonly due: Millis; readonly message: M } | { readonly due: Millis; readonly message: undefined };

class Direction<M> {
  readonly queue: Item<M>[] = [];
  last: Millis = 0;
  isPumping = false;
}

export class Link<M> {
  state: "open" | "halfOpen" | "closed" = "open";
  readonly ends: readonly [End<M>, End<M>];
  readonly #air: Air;
  readonly #directions: readonly [Direction<M>, Direction<M>] = [new Direction<M>(), new Direction<M>()];

  constructor(air: Air, ends: readonly [End<M>, End<M>]) {
    this.#air = air;
    this.ends = ends;
  }

  send(from: 0 | 1, message: M): void {
    if (this.state === "closed") return;
    if (this.state === "halfOpen") {
      this.#air.lost(this.ends[from].process.name, this.#other(from).process.name, message);
      return;
    }
    this.#push(from, message);
  }

  /** One end closes the link or dies: it hears nothing more of it. */
  close(by: 0 | 1): void {
    if (this.state === "closed") return;
    const isHeard = this.state === "open";
    this.state = "closed";
    this.#drop(by === 0 ? 1 : 0, 0);
    const under = this.#directions[by].queue.map(({ message }) => message);
    this.#drop(by, this.#air.survivors(this.ends[by].process.name, this.#other(by).process.name, under));
    if (isHeard) this.#push(by, undefined);
    else this.#air.clock.after(this.#air.pingTimeoutMs, () => this.#push(by, undefined));
  }

  /** Everything vanishes from now on; after the ping time-out both ends see the link closed. */
  goHalfOpen(): void {
    if (this.state !== "open") return;
    this.state = "halfOpen";
    this.#drop(0, 0);
    this.#drop(1, 0);
    this.#air.clock.after(this.#air.pingTimeoutMs, () => this.breakDown());
  }

  /** Both ends find the link dead. */
  breakDown(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#drop(0, 0);
    this.#drop(1, 0);
    this.#push(0, undefined);
    this.#push(1, undefined);
  }

  /** Delivers what was held back. */
  resume(): void {
    this.#pump(0);
    this.#pump(1);
  }

  #other(end: 0 | 1): End<M> {
    return this.ends[end === 0 ? 1 : 0];
  }

  #drop(from: 0 | 1, keep: number): void {
    const direction = this.#directions[from];
    for (const { message } of direction.queue.splice(keep))
      if (message !== undefined) this.#air.lost(this.ends[from].process.name, this.#other(from).process.name, message);
  }

  #push(from: 0 | 1, message: M | undefined): void {
    const direction = this.#directions[from];
    const due = Math.max(
      direction.last,
      this.#air.clock.now + this.#air.delayMs(this.ends[from].process.name, this.#other(from).process.name),
    );
    direction.last = due;
    direction.queue.push({ due, message } as Item<M>);
    this.#pump(from);
  }

  #pump(from: 0 | 1): void {
    const direction = this.#directions[from];
    const head = direction.queue[0];
    if (head === undefined || direction.isPumping) return;
    direction.isPumping = true;
    this.#air.clock.at(head.due, () => {
      direction.isPumping = false;
      const next = direction.queue[0];
      if (next === undefined) return;
      if (next.due > this.#air.clock.now) return this.#pump(from);
      const to = this.#other(from);
      if (next.message !== undefined && this.#air.isHeld(this.ends[from].process.name, to.process.name, next.message)) return;
      direction.queue.shift();
      const { message } = next;
      to.process.post(() => (message === undefined ? to.closed() : to.take(message)));
      this.#pump(from);
    });
  }
}
