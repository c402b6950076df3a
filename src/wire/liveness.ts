/**
 * Who has been silent for too long. Silence is measured only while this process was awake: after a pause of its own
 * every deadline moves by the time it slept, or a paused coordinator would evict everybody when it wakes.
 */
import type { Millis } from "../base/machine.ts";

export class Liveness<Peer> {
  readonly #timeoutMs: Millis;
  readonly #heardAt = new Map<Peer, Millis>();
  #checkedAt: Millis | undefined;

  constructor(timeoutMs: Millis) {
    this.#timeoutMs = timeoutMs;
  }

  heard(now: Millis, peer: Peer): void {
    if (this.#heardAt.size === 0) this.#checkedAt = now;
    this.#heardAt.set(peer, now);
  }

  forget(peer: Peer): void {
    this.#heardAt.delete(peer);
  }

  /** When to call `silent` again: often enough that a sleep of this process is told from silence of its peers. */
  get checkAt(): Millis | undefined {
    if (this.#heardAt.size === 0) return undefined;
    return (this.#checkedAt ?? Math.min(...this.#heardAt.values())) + this.#timeoutMs / 4;
  }

  /** The peers not heard for the timeout. */
  silent(now: Millis): readonly Peer[] {
    const due = this.checkAt;
    if (due === undefined || now < due) return [];
    const slept = now - due;
    this.#checkedAt = now;
    if (slept > this.#timeoutMs / 4) {
      for (const [peer, at] of this.#heardAt) this.#heardAt.set(peer, at + slept);
      return [];
    }
    return [...this.#heardAt].filter(([, at]) => now - at >= this.#timeoutMs).map(([peer]) => peer);
  }
}
