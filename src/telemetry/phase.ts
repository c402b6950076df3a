/** What a process spends its time on, one phase at every moment: the phases' seconds add up to the time it has lived. */
import type { Millis } from "../base/machine.ts";

/**
 * Of a worker: `compute` leaves, sums, updates and evaluations; `exchange` waits for partials or averages; `commit`
 * waits for the coordinator's word; `data` waits for a batch; `checkpoint` copies, sends or loads a state; `idle` has no
 * plan. Of the coordinator: `compute` until the first member has prepared the step, `exchange` until the last has,
 * `commit` writes the record; `data` prepares and opens data; at a boundary `compute` while members evaluate or write
 * samples, else `checkpoint` (a state is copied or loaded); `idle` waits for workers.
 */
export const phases = ["compute", "exchange", "commit", "data", "checkpoint", "idle"] as const;
export type Phase = (typeof phases)[number];

export class PhaseClock {
  readonly #seconds: Record<Phase, number> = { compute: 0, exchange: 0, commit: 0, data: 0, checkpoint: 0, idle: 0 };
  #phase: Phase;
  #since: Millis;

  constructor(now: Millis, phase: Phase) {
    this.#since = now;
    this.#phase = phase;
  }

  get phase(): Phase {
    return this.#phase;
  }

  enter(phase: Phase, now: Millis): void {
    this.#seconds[this.#phase] += (now - this.#since) / 1000;
    this.#since = now;
    this.#phase = phase;
  }

  /** Seconds by phase up to now, the present phase included. */
  seconds(now: Millis): Readonly<Record<Phase, number>> {
    this.enter(this.#phase, now);
    return { ...this.#seconds };
  }
}
