/** Carries out what the cluster machine decides. One queue feeds it, one timer wakes it at its next deadline. */
import { unreachable } from "../../base/assert.ts";
import type { WorkerId } from "../../base/ids.ts";
import type { Tally } from "../../step/tally.ts";
import type { Phase } from "../../telemetry/phase.ts";
import type { CoordinatorMessage, Plan, Position, Sample } from "../../wire/messages.ts";
import { Cluster, type ClusterSettings } from "../cluster.ts";
import type { ClusterEffect, ClusterEvent, ClusterFailure, ClusterTransition, CommittedStep } from "../cluster-events.ts";

export interface ClusterPorts {
  readonly send: (worker: WorkerId, message: CoordinatorMessage) => void;
  /** Closes the worker's connection; its end is not reported back. */
  readonly closeWorker: (worker: WorkerId, reason: string) => void;
  /** Resolves when the record is on disk and in the history. */
  readonly append: (record: CommittedStep) => Promise<void>;
  readonly recordGeneration: (plan: Plan, reason: string) => void;
  readonly reportStep: (record: CommittedStep) => void;
  readonly reportEvaluation: (position: Position, tally: Tally) => void;
  readonly reportSamples: (position: Position, samples: readonly Sample[]) => void;
  /** Resolves to whether the checkpoint is whole on disk and in the history. */
  readonly receiveCheckpoint: (position: Position, worker: WorkerId) => Promise<boolean>;
  readonly onFinish: (position: Position, isComplete: boolean) => void;
  readonly onFail: (code: ClusterFailure, what: string) => void;
  readonly onNote: (transition: ClusterTransition) => void;
  /** After every event: what the coordinator spends its time on from now on. */
  readonly onPhase: (phase: Phase) => void;
  /** An effect failed: the run cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

export class ClusterShell {
  readonly #cluster: Cluster;
  readonly #ports: ClusterPorts;
  readonly #queue: ClusterEvent[] = [];
  #isRunning = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: ClusterSettings, ports: ClusterPorts) {
    this.#cluster = new Cluster(settings);
    this.#ports = ports;
  }

  get phase(): string {
    return this.#cluster.phase;
  }

  feed(event: ClusterEvent): void {
    this.#queue.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
        for (const effect of this.#cluster.step(performance.now(), next)) this.#carryOut(effect);
    } finally {
      this.#isRunning = false;
    }
    this.#ports.onPhase(this.#cluster.activity);
    this.#setTimer();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const { wakeAt } = this.#cluster;
    if (wakeAt === undefined) return;
    // One millisecond more: timers may fire a fraction early, and an early wake would only wait again.
    this.#timer = setTimeout(() => this.feed({ kind: "timeArrived" }), Math.max(0, wakeAt - performance.now()) + 1);
  }

  #carryOut(effect: ClusterEffect): void {
    const ports = this.#ports;
    switch (effect.kind) {
      case "send":
        return ports.send(effect.worker, effect.message);
      case "append":
        ports.append(effect.record).then(() => this.feed({ kind: "recordAppended", step: effect.record.step }), ports.onFailure);
        return;
      case "recordGeneration":
        return ports.recordGeneration(effect.plan, effect.reason);
      case "reportStep":
        return ports.reportStep(effect.record);
      case "reportEvaluation":
        return ports.reportEvaluation(effect.position, effect.tally);
      case "reportSamples":
        return ports.reportSamples(effect.position, effect.samples);
      case "receiveCheckpoint": {
        const { position, worker } = effect;
        ports
          .receiveCheckpoint(position, worker)
          .then((isStored) => this.feed({ kind: "checkpointEnded", worker, position, isStored }), ports.onFailure);
        return;
      }
      case "closeWorker":
        return ports.closeWorker(effect.worker, effect.reason);
      case "finish":
        return ports.onFinish(effect.position, effect.isComplete);
      case "fail":
        return ports.onFail(effect.code, effect.what);
      case "note":
        return ports.onNote(effect.transition);
      default:
        unreachable(effect);
    }
  }
}
