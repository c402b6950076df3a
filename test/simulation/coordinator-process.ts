/** A coordinator without sockets and files: what the production shell does around the cluster machine, in virtual time. */
import { assert, unreachable } from "../../src/base/assert.ts";
import type { WorkerId } from "../../src/base/ids.ts";
import type { ClusterEffect, ClusterEvent, CommittedStep } from "../../src/coordinator/cluster-events.ts";
import type { CoordinatorMessage, Position, WorkerMessage } from "../../src/wire/messages.ts";
import { DiskHistory } from "./disk.ts";
import { type StateExpression, sha256 } from "./expression.ts";
import type { End } from "./link.ts";
import { Process } from "./process.ts";
import type { ControlLink } from "./worker-process.ts";
import type { World } from "./world.ts";

export class CoordinatorProcess extends Process {
  readonly #world: World;
  readonly #cluster;
  readonly #history: DiskHistory;
  readonly #links = new Map<WorkerId, ControlLink>();
  readonly #events: ClusterEvent[] = [];
  /** Checkpoints under way, by the worker that sends. */
  readonly #receiving = new Map<WorkerId, Position>();
  #isTaking = false;
  #timerAt: number | undefined;
  #lateWakes = 0;
  /** The record that is being written. */
  #pending: CommittedStep | undefined;
  /** A scenario may keep the disk from finishing. */
  isDiskHeld = false;

  constructor(world: World) {
    super("coordinator");
    const { run, disk, machines, oracle } = world;
    this.#world = world;
    this.#history = new DiskHistory(disk, world.firstLineage);
    disk.term = machines.nextTerm(disk.term);
    oracle.coordinatorStarted();
    this.#cluster = machines.cluster({
      ...run,
      term: disk.term,
      expected: disk.lastMembers,
      sha256,
      scalarsOf: oracle.scalarsOf,
      history: this.#history,
    });
    world.trace(() => `coordinator starts with term ${disk.term} and ${disk.log.length} steps in the log`);
  }

  start(): void {
    this.#beat();
  }

  get phase(): string {
    return this.#cluster.phase;
  }

  linkOf(worker: WorkerId): ControlLink | undefined {
    return this.#links.get(worker);
  }

  requestStop(): void {
    this.post(() => this.#take({ kind: "stopRequested" }));
  }

  override die(): void {
    super.die();
    for (const link of this.#links.values()) link.close(1);
    // A record that is being written may or may not reach the disk.
    const pending = this.#pending;
    if (pending === undefined) return;
    const survives = this.#world.machines.isDiskFaulty && this.#world.chance.isTrue(0.5);
    this.#world.trace(() => `the record of step ${pending.step} ${survives ? "has reached" : "has not reached"} the disk`);
    if (survives) this.#world.disk.log.push(pending);
  }

  override pause(): void {
    super.pause();
    // Workers miss its heartbeats and let go of it.
    const { clock, run } = this.#world;
    clock.after(run.pingTimeoutMs, () => {
      if (this.isPaused && this.isAlive) for (const link of this.#links.values()) link.breakDown();
    });
  }

  // ---- workers

  endFor(worker: WorkerId, link: () => ControlLink): End<CoordinatorMessage | WorkerMessage> {
    return {
      process: this,
      take: (message) => this.#links.get(worker) === link() && this.#hear(worker, message as WorkerMessage), // what a worker sends
      closed: () => this.#closed(worker, link()),
    };
  }

  releaseDisk(): void {
    this.isDiskHeld = false;
    this.finishAppend();
  }

  accept(worker: WorkerId, link: ControlLink): void {
    const before = this.#links.get(worker);
    if (before !== undefined) {
      before.close(1);
      this.#closed(worker, before);
    }
    this.#links.set(worker, link);
  }

  #closed(worker: WorkerId, link: ControlLink): void {
    if (this.#links.get(worker) !== link) return;
    this.#links.delete(worker);
    this.#world.trace(() => `coordinator has lost ${worker}`);
    this.#world.oracle.gone(worker);
    // The store and the connection find out in either order.
    const isStoreFirst = this.#world.chance.isTrue(0.5);
    if (isStoreFirst) this.#endCheckpoint(worker, false);
    this.#take({ kind: "workerGone", worker });
    if (!isStoreFirst) this.#endCheckpoint(worker, false);
  }

  #hear(worker: WorkerId, message: WorkerMessage): void {
    if (message.kind !== "heartbeat") this.#world.trace(() => `${worker} -> coordinator ${this.#world.oracle.describe(message)}`);
    this.#world.oracle.heard(worker, message);
    this.#take({ kind: "messageReceived", worker, message });
    if (message.kind === "prepared") this.#world.observer.moment("prepared-received", worker);
    if (message.kind === "ready") this.#world.observer.moment("ready-received", worker);
  }

  #beat(): void {
    this.#world.clock.after(this.#world.run.timeoutMs / 4, () => {
      if (!this.isAlive) return;
      if (!this.isPaused) for (const link of this.#links.values()) link.send(1, { kind: "heartbeat" });
      this.#beat();
    });
  }

  checkpointArrived(worker: WorkerId, position: Position, state: StateExpression): void {
    this.post(() => {
      const expected = this.#receiving.get(worker);
      if (expected?.lineage !== position.lineage) return;
      this.#world.oracle.checkState(worker, position, state, "stores");
      const isWhole = !(this.#world.machines.isDiskFaulty && this.#world.chance.isTrue(0.1));
      if (isWhole) this.#store(position, state);
      this.#endCheckpoint(worker, isWhole);
    });
  }

  #store(position: Position, state: StateExpression): void {
    if (position.step > this.#world.disk.checkpoint.position.step) this.#world.disk.checkpoint = { position, state };
  }

  #endCheckpoint(worker: WorkerId, isStored: boolean): void {
    const position = this.#receiving.get(worker);
    if (position === undefined) return;
    this.#receiving.delete(worker);
    this.#world.trace(() => `checkpoint of step ${position.step} from ${worker} ${isStored ? "is stored" : "is given up"}`);
    this.#take({ kind: "checkpointEnded", worker, position, isStored });
  }

  // ---- the machine

  #take(event: ClusterEvent): void {
    this.#events.push(event);
    if (this.#isTaking) return;
    this.#isTaking = true;
    const { clock } = this.#world;
    for (let next = this.#events.shift(); next !== undefined && this.isAlive; next = this.#events.shift()) {
      for (const effect of this.#cluster.step(clock.now, next)) this.#carryOut(effect);
      const { wakeAt } = this.#cluster;
      const isLate = next.kind === "timeArrived" && wakeAt !== undefined && wakeAt <= clock.now;
      this.#lateWakes = isLate ? this.#lateWakes + 1 : 0;
      assert(this.#lateWakes < 3, "the coordinator wants to be woken in the past, for ever");
    }
    this.#isTaking = false;
    this.#setTimer();
  }

  #setTimer(): void {
    const { wakeAt } = this.#cluster;
    if (wakeAt === undefined || wakeAt === this.#timerAt) return;
    this.#timerAt = wakeAt;
    this.#world.clock.at(wakeAt, () => {
      if (this.#timerAt !== wakeAt) return;
      this.post(() => {
        this.#timerAt = undefined;
        this.#take({ kind: "timeArrived" });
      });
    });
  }

  #carryOut(effect: ClusterEffect): void {
    const { clock, pace, oracle, observer, disk, machines, algebra } = this.#world;
    oracle.checkEffect(effect);
    switch (effect.kind) {
      case "send":
        oracle.checkSent(effect.worker, effect.message);
        return this.#links.get(effect.worker)?.send(1, effect.message);
      case "append":
        oracle.checkRecord(effect.record);
        this.#world.trace(() => `coordinator appends step ${effect.record.step}`);
        this.#pending = effect.record;
        observer.moment("append-begun");
        clock.after(pace.fsyncMs(), () => this.finishAppend());
        return;
      case "recordGeneration":
        oracle.checkPlan(effect.plan);
        this.#world.trace(() => `coordinator begins a generation: ${effect.reason}`);
        disk.lastMembers = effect.plan.members.map((m) => m.worker);
        return;
      case "reportStep":
        return;
      case "reportEvaluation":
        this.#world.trace(() => `coordinator reports the evaluation at step ${effect.position.step}`);
        disk.evaluated.add(effect.position.step);
        return;
      case "reportSamples":
        this.#world.trace(() => `coordinator reports samples at step ${effect.position.step}`);
        return;
      case "receiveCheckpoint":
        if (this.#links.has(effect.worker)) this.#receiving.set(effect.worker, effect.position);
        // A store that does not wait for the whole checkpoint would have this state, or half of it.
        if (machines.storesUnverified) this.#store(effect.position, algebra.initial);
        observer.moment("checkpoint-half-received", effect.worker);
        return;
      case "closeWorker": {
        oracle.checkEviction(effect.worker, effect.reason);
        this.#world.trace(() => `coordinator closes ${effect.worker}: ${effect.reason}`);
        const link = this.#links.get(effect.worker);
        this.#links.delete(effect.worker);
        oracle.gone(effect.worker);
        link?.close(1);
        return this.#endCheckpoint(effect.worker, false);
      }
      case "finish":
        this.#world.trace(() => `coordinator ends at step ${effect.position.step}${effect.isComplete ? "" : ", stopped"}`);
        this.#world.outcome = { kind: effect.isComplete ? "finished" : "stopped" };
        return;
      case "fail":
        return; // the oracle has thrown
      case "note":
        this.#world.trace(() => `coordinator notes ${effect.transition}`);
        return observer.note(effect.transition);
      default:
        unreachable(effect);
    }
  }

  /** The record is on disk; the machine hears of it when the process runs. */
  finishAppend(): void {
    const record = this.#pending;
    if (record === undefined || !this.isAlive || this.isDiskHeld) return;
    this.#pending = undefined;
    this.#world.disk.log.push(record);
    this.#world.trace(() => `step ${record.step} is on disk`);
    this.#world.observer.moment("append-durable");
    this.post(() => {
      this.#history.append(record);
      this.#take({ kind: "recordAppended", step: record.step });
    });
  }
}
