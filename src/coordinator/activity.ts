/** What the coordinator and each worker are doing, for live views: told when it changes, and once in a while anyway. */
import type { WorkerId } from "../base/ids.ts";
import type { Millis } from "../base/machine.ts";
import type { Phase } from "../telemetry/phase.ts";
import type { Plan } from "../wire/messages.ts";
import type { RunEvent, WorkerActivity } from "./run-event.ts";

/** Told at least so often. */
const everyMs = 1000;

export class Activity {
  readonly #workers = new Map<WorkerId, { phase: Phase; leaves: number }>();
  #phase: Phase = "idle";
  #hasChanged = true;
  #toldAt = Number.NEGATIVE_INFINITY;

  enter(phase: Phase): void {
    this.#hasChanged ||= phase !== this.#phase;
    this.#phase = phase;
  }

  connected(worker: WorkerId): void {
    this.#workers.set(worker, { phase: "idle", leaves: 0 });
    this.#hasChanged = true;
  }

  gone(worker: WorkerId): void {
    this.#hasChanged ||= this.#workers.delete(worker);
  }

  /** The worker said in a heartbeat what it spends its time on. */
  heard(worker: WorkerId, phase: Phase): void {
    const known = this.#workers.get(worker);
    if (known === undefined || known.phase === phase) return;
    known.phase = phase;
    this.#hasChanged = true;
  }

  planned(members: Plan["members"]): void {
    for (const [worker, known] of this.#workers) known.leaves = members.find((m) => m.worker === worker)?.leaves.length ?? 0;
    this.#hasChanged = true;
  }

  /** The event when it is due; ask a few times a second. */
  due(now: Millis): RunEvent | undefined {
    if (!this.#hasChanged && now - this.#toldAt < everyMs) return undefined;
    this.#hasChanged = false;
    this.#toldAt = now;
    const workers = [...this.#workers].map(([worker, known]): WorkerActivity => ({ worker, ...known }));
    return { kind: "activity", phase: this.#phase, workers };
  }
}
