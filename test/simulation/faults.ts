/**
 * What goes wrong in a run of one seed: each fault waits for its step, then for a moment of the protocol to happen a
 * few times (or for a while to pass), and strikes. Whoever dies comes back, under its own name or as somebody new.
 */
import { present } from "../../src/base/assert.ts";
import { type WorkerId, workerId } from "../../src/base/ids.ts";
import type { Chance } from "./chance.ts";
import { CoordinatorProcess } from "./coordinator-process.ts";
import { WorkerProcess } from "./worker-process.ts";
import type { Moment, World } from "./world.ts";

const moments: readonly Moment[] = [
  "leaf-computed",
  "leaf-computed",
  "partial-sent",
  "average-sent",
  "prepared-sent",
  "prepared-received",
  "prepared-received",
  "append-begun",
  "append-durable",
  "commit-received",
  "update-applied",
  "plan-received",
  "ready-received",
  "state-served",
  "state-half-loaded",
  "state-loaded",
  "checkpoint-half-received",
  "leaf-evaluated",
  "link-opened",
];

const kinds = [
  "kill-worker",
  "kill-worker",
  "kill-worker",
  "kill-two",
  "kill-all",
  "join",
  "join",
  "stop-worker",
  "slow-worker",
  "half-open",
  "half-open",
  "half-open-control",
  "break-link",
  "cut-pair",
  "leave",
  "kill-coordinator",
  "kill-coordinator",
  "kill-coordinator-and-worker",
  "stop-coordinator",
  "stop-run",
] as const;

const workersMax = 6;

interface Fault {
  readonly afterStep: number;
  readonly kind: (typeof kinds)[number];
  readonly moment: Moment;
  skip: number;
}

export class Faults {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #plan: Fault[];
  #armed: Fault | undefined;
  #names = 0;
  /** Faults that struck, for the report. */
  struck = 0;
  readonly slow = new Map<string, number>();

  constructor(world: World, chance: Chance) {
    this.#world = world;
    this.#chance = chance;
    const count = chance.whole(5, 9);
    this.#plan = Array.from({ length: count }, (_, i) => ({
      afterStep: Math.floor((i * (world.run.steps - 9)) / count),
      kind: chance.pick(kinds),
      moment: chance.pick(moments),
      skip: chance.whole(0, 6),
    }));
  }

  get isOver(): boolean {
    return this.#plan.length === 0 && this.#armed === undefined;
  }

  /** Starts the coordinator and the first workers, in any order. */
  begin(workers: number): void {
    const start = () => this.#startCoordinator();
    this.#world.clock.after(this.#chance.whole(0, 200), start);
    for (let i = 0; i < workers; i++) this.#world.clock.after(this.#chance.whole(0, 300), () => this.#startWorker(this.#newName()));
  }

  moment(moment: Moment, worker: WorkerId | undefined): void {
    const { clock, disk } = this.#world;
    if (this.#armed === undefined && (this.#plan[0]?.afterStep ?? Number.POSITIVE_INFINITY) <= disk.log.length) {
      const fault = present(this.#plan.shift(), "there is a next fault");
      this.#armed = fault;
      clock.after(400, () => this.#strike(fault, undefined));
    }
    const armed = this.#armed;
    if (armed === undefined || armed.moment !== moment) return;
    if (armed.skip-- === 0) clock.after(0, () => this.#strike(armed, worker));
  }

  #strike(fault: Fault, worker: WorkerId | undefined): void {
    if (this.#armed !== fault) return;
    this.#armed = undefined;
    this.struck++;
    const { clock } = this.#world;
    const { timeoutMs, pingTimeoutMs } = this.#world.run;
    const alive = this.#alive();
    const at = worker === undefined ? undefined : this.#world.workers.get(worker);
    const one = at?.isAlive === true && this.#chance.isTrue(0.7) ? at : alive.length > 0 ? this.#chance.pick(alive) : undefined;
    this.#world.trace(() => `--- ${fault.kind} at ${fault.moment}${one === undefined ? "" : ` (${one.id})`}`);
    switch (fault.kind) {
      case "kill-worker":
        return this.#kill(one);
      case "kill-two":
        this.#kill(one);
        return this.#soon(() => this.#kill(this.#alive()[0]));
      case "kill-all":
        for (const each of alive) this.#soon(() => this.#kill(each));
        return;
      case "join":
        for (let i = this.#chance.whole(1, 2); i > 0; i--) if (this.#alive().length < workersMax) this.#startWorker(this.#newName());
        return;
      case "stop-worker": {
        const forMs = this.#chance.pick([timeoutMs / 3, 2 * timeoutMs, 4 * timeoutMs]);
        if (one === undefined || one.isPaused) return;
        this.#world.oracle.disturb(one.id, clock.now + forMs + timeoutMs + pingTimeoutMs);
        one.pause();
        return clock.after(forMs, () => {
          if (!one.isAlive) return;
          this.#world.trace(() => `--- ${one.id} wakes`);
          one.wake();
        });
      }
      case "slow-worker":
        if (one === undefined) return;
        this.slow.set(one.id, 12);
        return clock.after(3000, () => this.slow.delete(one.id));
      case "half-open":
        for (const { link } of one?.links.values() ?? []) {
          link.goHalfOpen();
          if (this.#chance.isTrue(0.5)) break;
        }
        return;
      case "half-open-control":
        if (one === undefined) return;
        this.#world.oracle.disturb(one.id, clock.now + timeoutMs + pingTimeoutMs);
        one.control?.goHalfOpen();
        return;
      case "break-link":
        if (this.#chance.isTrue(0.3)) one?.control?.breakDown();
        else for (const { link } of one?.links.values() ?? []) link.breakDown();
        return;
      case "cut-pair":
        return this.#cut(one);
      case "leave":
        one?.leave();
        return;
      case "kill-coordinator":
        return this.#killCoordinator();
      case "kill-coordinator-and-worker":
        this.#kill(one);
        return this.#soon(() => this.#killCoordinator());
      case "stop-coordinator": {
        const { coordinator } = this.#world;
        if (coordinator?.isAlive !== true || coordinator.isPaused) return;
        coordinator.pause();
        return clock.after(this.#chance.pick([timeoutMs / 3, 3 * timeoutMs]), () => {
          this.#world.trace(() => "--- the coordinator wakes");
          if (coordinator.isAlive) coordinator.wake();
        });
      }
      case "stop-run":
        this.#world.coordinator?.requestStop();
        return;
      default:
    }
  }

  /** After a run that was asked to stop: everybody comes again, as after a night. */
  resume(): void {
    const { clock, disk } = this.#world;
    if (this.#world.coordinator?.isAlive === true) this.#world.coordinator.die();
    for (const worker of this.#alive()) worker.die();
    disk.lastMembers = this.#chance.isTrue(0.5) ? disk.lastMembers : [];
    clock.after(500, () => this.#startCoordinator());
    for (let i = Math.max(2, this.#world.run.workersMin); i > 0; i--)
      clock.after(this.#chance.whole(400, 900), () => this.#startWorker(this.#newName()));
  }

  #alive(): readonly WorkerProcess[] {
    return [...this.#world.workers.values()].filter((w) => w.isAlive);
  }

  #soon(action: () => void): void {
    this.#world.clock.after(this.#chance.pick([0, 2, 20, 200]), action);
  }

  #newName(): WorkerId {
    return workerId(String.fromCharCode(65 + (this.#names % 26)) + (this.#names++ >= 26 ? "2" : ""));
  }

  #startWorker(id: WorkerId): void {
    if (this.#world.workers.get(id)?.isAlive === true || this.#world.outcome !== undefined) return;
    this.#world.trace(() => `--- ${id} starts`);
    const worker = new WorkerProcess(this.#world, id);
    this.#world.workers.set(id, worker);
    worker.start();
  }

  #kill(worker: WorkerProcess | undefined): void {
    if (worker?.isAlive !== true) return;
    this.#world.trace(() => `--- ${worker.id} dies`);
    worker.die();
    const again = this.#chance.isTrue(0.6) ? worker.id : undefined;
    this.#world.clock.after(this.#chance.pick([10, 150, 600, 2500]), () => this.#startWorker(again ?? this.#newName()));
  }

  #startCoordinator(): void {
    if (this.#world.coordinator?.isAlive === true || this.#world.outcome !== undefined) return;
    this.#world.coordinator = new CoordinatorProcess(this.#world);
    this.#world.coordinator.start();
  }

  #killCoordinator(): void {
    const { coordinator, clock } = this.#world;
    if (coordinator?.isAlive !== true) return;
    this.#world.trace(() => "--- the coordinator dies");
    coordinator.die();
    clock.after(this.#chance.pick([20, 300, 3000]), () => this.#startCoordinator());
  }

  #cut(one: WorkerProcess | undefined): void {
    const [peer] = one?.links.keys() ?? [];
    if (one === undefined || peer === undefined) return;
    const { timeoutMs, pingTimeoutMs } = this.#world.run;
    const pair = one.id < peer ? `${one.id} ${peer}` : `${peer} ${one.id}`;
    // Never: the run must end though the two never meet again.
    const forMs = this.#chance.pick([timeoutMs / 2, 3 * timeoutMs, Number.POSITIVE_INFINITY]);
    this.#world.cuts.add(pair);
    for (const id of [one.id, peer]) this.#world.oracle.disturb(id, this.#world.clock.now + forMs + timeoutMs + pingTimeoutMs);
    one.links.get(peer)?.link.goHalfOpen();
    if (forMs < Number.POSITIVE_INFINITY) this.#world.clock.after(forMs, () => this.#world.cuts.delete(pair));
  }
}
