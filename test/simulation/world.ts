/** What every process of a simulated cluster shares: time, chance, the disk of the coordinator, checks and the trace. */
import { present } from "../../src/base/assert.ts";
import type { Digest, Step, WorkerId } from "../../src/base/ids.ts";
import type { Machine, Millis } from "../../src/base/machine.ts";
import type { Cluster, ClusterSettings } from "../../src/coordinator/cluster.ts";
import type { ClusterEffect, ClusterEvent } from "../../src/coordinator/cluster-events.ts";
import type { SubtreeKey } from "../../src/step/tree.ts";
import type { Position } from "../../src/wire/messages.ts";
import type { MemberSettings } from "../../src/worker/member.ts";
import type { MemberEffect, MemberEvent } from "../../src/worker/member-events.ts";
import { Chance } from "./chance.ts";
import { Clock } from "./clock.ts";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import { Disk } from "./disk.ts";
import { Algebra, type GradientExpression } from "./expression.ts";
import type { Air } from "./link.ts";
import { Oracle } from "./oracle.ts";
import type { BlockValues, Partial } from "./values.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** The run: what would be result options and the cadence of what is done between steps. */
export interface RunSettings {
  readonly leaves: number;
  readonly blocks: number;
  readonly steps: Step;
  readonly workersMin: number;
  readonly validationLeaves: number;
  readonly validateEvery: Step;
  readonly checkpointEvery: Step;
  readonly sampleEvery: Step;
  readonly skipsMax: number;
  readonly clipNorm: number;
  /** Steps whose average is not finite. */
  readonly notFinite: ReadonlySet<Step>;
  readonly graceMs: Millis;
  readonly timeoutMs: Millis;
  readonly pingTimeoutMs: Millis;
  /** A worker takes links only from peers that its plan names. */
  readonly acceptsPlannedOnly: boolean;
}

/** How long things take. The simulator draws them, a scenario fixes them. */
export interface Pace {
  messageMs(from: string, to: string): Millis;
  leafMs(worker: string): Millis;
  smallMs(): Millis;
  stateMs(): Millis;
  fsyncMs(): Millis;
  dialMs(): Millis;
  /** Before a worker that lost the coordinator knocks again. */
  reconnectMs(): Millis;
}

type MemberMachine = Machine<MemberEvent<Partial, BlockValues>, MemberEffect<Partial, BlockValues>> & {
  readonly position: Position | undefined;
  readonly backlog: number;
};
type ClusterMachine = Machine<ClusterEvent, ClusterEffect> & { readonly phase: Cluster["phase"] };

/** What is under test: the production machines, or one of them with a planted bug. */
export interface Machines {
  member(settings: MemberSettings<Partial, BlockValues>): MemberMachine;
  cluster(settings: ClusterSettings): ClusterMachine;
  /** How a trainer adds the parts of a block. */
  fold(leaves: number, parts: ReadonlyMap<SubtreeKey, GradientExpression>, add: Algebra["sum"]): GradientExpression | undefined;
  /** When the store takes a checkpoint for the newest: as it begins to come in, or when it is whole. */
  readonly storesUnverified: boolean;
  /** A record being written when the coordinator dies may reach the disk, and a checkpoint may come to nothing. */
  readonly isDiskFaulty: boolean;
  /** The term of the next coordinator. */
  nextTerm(before: number): number;
}

export interface Observer {
  trace(line: () => string): void;
  /** A point of the protocol where a fault may strike. */
  moment(name: Moment, worker?: WorkerId): void;
  note(transition: string): void;
  isHeld(from: string, to: string, message: unknown): boolean;
  survivors(from: string, to: string, messages: readonly unknown[]): number;
}

export type Moment =
  | "leaf-computed"
  | "partial-sent"
  | "average-sent"
  | "prepared-sent"
  | "prepared-received"
  | "append-begun"
  | "append-durable"
  | "commit-received"
  | "update-applied"
  | "plan-received"
  | "ready-received"
  | "state-served"
  | "state-half-loaded"
  | "state-loaded"
  | "checkpoint-half-received"
  | "leaf-evaluated"
  | "link-opened";

export class World {
  readonly clock = new Clock();
  readonly algebra = new Algebra("class-1");
  readonly run: RunSettings;
  readonly pace: Pace;
  readonly machines: Machines;
  readonly observer: Observer;
  readonly oracle: Oracle;
  readonly disk: Disk;
  readonly air: Air;
  /** What the disk and the store decide by chance. */
  readonly chance: Chance;
  /** By id; a worker that came back under its id has replaced the one before. */
  readonly workers = new Map<WorkerId, WorkerProcess>();
  /** Pairs that cannot reach each other, and workers that cannot reach the coordinator ("coordinator" as a name). */
  readonly cuts = new Set<string>();
  coordinator: CoordinatorProcess | undefined;
  outcome: { readonly kind: "finished" | "stopped" } | undefined;

  constructor(seed: number, run: RunSettings, pace: Pace, machines: Machines, observer: Observer) {
    this.run = run;
    this.pace = pace;
    this.machines = machines;
    this.observer = observer;
    this.chance = new Chance(seed, "disk");
    this.oracle = new Oracle(this);
    this.disk = new Disk({ step: 0, lineage: this.firstLineage }, this.algebra.initial);
    this.air = {
      clock: this.clock,
      pingTimeoutMs: run.pingTimeoutMs,
      delayMs: (from, to) => pace.messageMs(from, to),
      isHeld: (from, to, message) => observer.isHeld(from, to, message),
      survivors: (from, to, messages) => observer.survivors(from, to, messages),
      lost: (from, to, message) => {
        const text = this.oracle.describe(message);
        if (text !== "heartbeat") observer.trace(() => `${from} -> ${to} lost: ${text}`);
      },
    };
  }

  get firstLineage(): Digest {
    return this.oracle.lineageAt(0);
  }

  trace(line: () => string): void {
    this.observer.trace(line);
  }

  worker(id: WorkerId): WorkerProcess {
    return present(this.workers.get(id), `worker ${id} was started`);
  }

  isCut(a: string, b: string): boolean {
    return this.cuts.has(a < b ? `${a} ${b}` : `${b} ${a}`);
  }
}
