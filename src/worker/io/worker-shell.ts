/**
 * Carries out what the worker machine decides: trainer calls, frames, messages. One queue feeds the machine; whatever
 * takes time comes back as an event. No task on this thread is longer than the sum of one block.
 */
import { unreachable } from "../../base/assert.ts";
import { type BlockIndex, compareGenerations, type Generation, type WorkerId } from "../../base/ids.ts";
import { sha256, sha256OfValues } from "../../base/io/sha256.ts";
import { type LeafBatch, tallyOf } from "../../data/leaf.ts";
import type { State, Trainer } from "../../engine/trainer.ts";
import { addInto, divideByTargets, sumOfSquares, unifyNaNs } from "../../step/arithmetic.ts";
import { blockCount, blockRange } from "../../step/block.ts";
import { targetsOf } from "../../step/tally.ts";
import { foldTree } from "../../step/tree.ts";
import type { Phase } from "../../telemetry/phase.ts";
import type { Frame, Plan, Position, Sample, WorkerMessage } from "../../wire/messages.ts";
import { Member } from "../member.ts";
import type { MemberEffect, MemberEvent, MemberTransition } from "../member-events.ts";
import type { FaultInjector } from "./fault.ts";

export type Values = Float32Array;

export interface WorkerPorts {
  readonly self: WorkerId;
  readonly leaves: number;
  readonly trainer: Trainer;
  readonly leafBatch: (step: number, leaf: number) => LeafBatch;
  readonly validationBatch: (index: number) => LeafBatch;
  readonly send: (message: WorkerMessage) => void;
  readonly sendFrame: (to: WorkerId, frame: Frame<Values>) => void;
  readonly setRoutes: (plan: Plan) => void;
  /** Resolves when no frame of this step or before reads its memory any more. */
  readonly forgetFrames: (step: number) => Promise<void>;
  readonly refusePeer: (from: WorkerId, reason: string) => void;
  /** Gets a state from a member, or from the coordinator when the donor is undefined. */
  readonly fetchState: (position: Position, donor: WorkerId | undefined) => Promise<State>;
  /** Offers a state to a joiner, or sends it to the coordinator. */
  readonly serveState: (state: State, position: Position, receiver: WorkerId | undefined) => void;
  readonly writeSamples: (trainer: Trainer) => Promise<readonly Sample[]>;
  readonly faults: FaultInjector;
  readonly onStop: (reason: string) => void;
  readonly onNote: (transition: MemberTransition) => void;
  readonly watch: ShellWatch;
  /** An effect failed: the worker cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** Whoever measures a worker. */
export interface ShellWatch {
  /** What the worker spends its time on from now on. */
  enter(phase: Phase): void;
  /** A generation begins, in which this worker computes so many leaves of each step. */
  planned(leaves: number): void;
  /** `seconds` that the engine took; unmasked targets of the leaf. */
  leafComputed(seconds: number, targets: number): void;
  /** The worker has the state after `step` steps. */
  positioned(step: number): void;
}

export class WorkerShell {
  readonly #ports: WorkerPorts;
  readonly #member: Member<Values, Values>;
  readonly #size: number;
  readonly #queue: MemberEvent<Values, Values>[] = [];
  #isRunning = false;
  /** Of the last plan; undefined while a state is loaded. Averages of another are not computed any more. */
  #generation: Generation | undefined;
  /** Counts loads: only the newest reports. */
  #loads = 0;
  /** Memory that frames of the step in flight may still be read from, and what was released of it meanwhile. */
  readonly #sent = new Set<ArrayBufferLike>();
  #releasedLater: Values[] = [];
  /** What is being waited for, by what it is. */
  readonly #pending = { compute: 0, checkpoint: 0 };
  /** When the engine answered last. It takes one call after the other. */
  #engineAnsweredAt = 0;

  constructor(ports: WorkerPorts) {
    this.#ports = ports;
    this.#size = ports.trainer.size;
    this.#member = new Member({
      self: ports.self,
      leaves: ports.leaves,
      blocks: blockCount(this.#size),
      sha256,
      blockOf: (partial, block) => this.#blockOf(partial, block),
    });
  }

  get position(): Position | undefined {
    return this.#member.position;
  }

  feed(event: MemberEvent<Values, Values>): void {
    if (event.kind === "frameReceived" && this.#ports.faults.hides(event.frame)) return;
    this.#queue.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
        for (const effect of this.#member.step(performance.now(), next)) {
          this.#ports.faults.before(effect);
          this.#carryOut(effect);
          this.#ports.faults.after(effect);
        }
    } finally {
      this.#isRunning = false;
    }
    this.#showPhase();
  }

  #carryOut(effect: MemberEffect<Values, Values>): void {
    switch (effect.kind) {
      case "send":
        return this.#ports.send(effect.message);
      case "sendFrame":
        if (effect.frame.kind === "partial") this.#sent.add(effect.frame.values.buffer);
        return this.#ports.sendFrame(effect.to, effect.frame);
      case "setRoutes":
        this.#generation = effect.plan.generation;
        this.#ports.watch.planned(effect.plan.members.find((m) => m.worker === this.#ports.self)?.leaves.length ?? 0);
        return this.#ports.setRoutes(effect.plan);
      case "refuseFrame":
        return this.#ports.refusePeer(effect.from, effect.reason);
      case "computeLeaf":
        return this.#supervise(this.#computeLeaf(effect.step, effect.leaf));
      case "addPartials":
        return this.#supervise(this.#addPartials(effect));
      case "averageBlock":
        // One block a task: sockets and timers get their turn between two.
        setImmediate(() => this.#averageBlock(effect));
        return;
      case "applyUpdate":
        return this.#supervise(this.#applyUpdate(effect));
      case "release":
        return this.#release(effect.partial);
      case "loadState":
        return this.#supervise(this.#loadState(effect.position, effect.donor));
      case "serveState":
        return this.#supervise(this.#serveState(effect.position, effect.receiver));
      case "evaluateLeaves":
        return this.#supervise(this.#evaluate(effect.position, effect.leaves));
      case "writeSamples":
        return this.#supervise(this.#writeSamples(effect.position));
      case "stop":
        return this.#ports.onStop(effect.reason);
      case "note":
        return this.#ports.onNote(effect.transition);
      default:
        unreachable(effect);
    }
  }

  #supervise(work: Promise<void>): void {
    work.catch(this.#ports.onFailure);
  }

  /** Follows what is waited for. Resolves to its result and, for a call to the engine, how long the engine took for it. */
  async #during<T>(what: "compute" | "checkpoint", work: Promise<T>): Promise<{ readonly result: T; readonly seconds: number }> {
    const asked = performance.now();
    this.#pending[what] += 1;
    this.#showPhase();
    try {
      const result = await work;
      const now = performance.now();
      const seconds = (now - Math.max(asked, this.#engineAnsweredAt)) / 1000;
      this.#engineAnsweredAt = now;
      return { result, seconds };
    } finally {
      this.#pending[what] -= 1;
      this.#showPhase();
    }
  }

  #showPhase(): void {
    const { compute, checkpoint } = this.#pending;
    this.#ports.watch.enter(compute > 0 ? "compute" : checkpoint > 0 ? "checkpoint" : this.#member.waitsFor);
  }

  /** The batch that `read` makes on this thread; while the engine has nothing else to do, it waits for it. */
  #batch(read: () => LeafBatch): LeafBatch {
    if (this.#pending.compute === 0) this.#ports.watch.enter("data");
    return read();
  }

  async #computeLeaf(step: number, leaf: number): Promise<void> {
    const batch = this.#batch(() => this.#ports.leafBatch(step, leaf));
    const { result, seconds } = await this.#during("compute", this.#ports.trainer.computeLeaf(batch));
    const tally = tallyOf(batch, result.losses);
    this.#ports.watch.leafComputed(seconds, targetsOf(tally));
    this.feed({ kind: "leafComputed", step, leaf, partial: result.gradient, tally });
  }

  async #addPartials({ step, subtree, left, right }: Extract<MemberEffect<Values, Values>, { kind: "addPartials" }>): Promise<void> {
    const { trainer } = this.#ports;
    const { result: partial } = await this.#during("compute", trainer.add(left, right));
    this.#release(left);
    this.#release(right);
    this.feed({ kind: "partialsAdded", step, subtree, partial });
  }

  /** What a socket may still read stays as it is until the step is over. */
  #release(partial: Values): void {
    if (this.#sent.has(partial.buffer)) this.#releasedLater.push(partial);
    else this.#ports.trainer.release(partial);
  }

  #averageBlock({ generation, step, block, parts, targets }: Extract<MemberEffect<Values, Values>, { kind: "averageBlock" }>): void {
    // A newer plan or another state came while this waited: its parts may be gone.
    if (this.#generation === undefined || compareGenerations(generation, this.#generation) !== 0) return;
    const sum = foldTree(this.#ports.leaves, parts, (left, right) => {
      const out = new Float32Array(left.length);
      addInto(out, left, right);
      return out;
    });
    if (sum === undefined) throw new Error("assertion failed: a complete block has every part");
    // A single part is somebody's partial still: it must stay as it is.
    const values = parts.size === 1 ? sum.slice() : sum;
    divideByTargets(values, targets);
    const squares = sumOfSquares(values);
    if (!Number.isFinite(squares)) unifyNaNs(values);
    this.feed({ kind: "blockAveraged", generation, step, block, values, digest: sha256OfValues(values), sumOfSquares: squares });
  }

  async #applyUpdate({
    step,
    scalars,
    isSkipped,
    averages,
  }: Extract<MemberEffect<Values, Values>, { kind: "applyUpdate" }>): Promise<void> {
    const { trainer } = this.#ports;
    if (!isSkipped) {
      const average = trainer.allocate();
      averages.forEach((values, block) => {
        average.set(values, blockRange(this.#size, block).start);
      });
      await this.#during("compute", trainer.apply(average, scalars));
      trainer.release(average);
    }
    await this.#ports.forgetFrames(step);
    this.#sent.clear();
    for (const partial of this.#releasedLater.splice(0)) trainer.release(partial);
    this.#ports.watch.positioned(step + 1);
    this.feed({ kind: "updateApplied", step });
  }

  async #loadState(position: Position, donor: WorkerId | undefined): Promise<void> {
    this.#generation = undefined;
    const load = ++this.#loads;
    try {
      const { result: state } = await this.#during("checkpoint", this.#ports.fetchState(position, donor));
      if (load !== this.#loads) return;
      await this.#during("checkpoint", this.#ports.trainer.load(state));
      if (load !== this.#loads) return;
    } catch (error) {
      if (load !== this.#loads) return;
      this.feed({ kind: "stateLoadFailed", position, reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#ports.watch.positioned(position.step);
    this.feed({ kind: "stateLoaded", position });
  }

  async #serveState(position: Position, receiver: WorkerId | undefined): Promise<void> {
    const { result: state } = await this.#during("checkpoint", this.#ports.trainer.snapshot(position.step));
    this.#ports.serveState(state, position, receiver);
  }

  async #evaluate(position: Position, leaves: readonly number[]): Promise<void> {
    for (const leaf of leaves) {
      const batch = this.#batch(() => this.#ports.validationBatch(leaf));
      const { result: losses } = await this.#during("compute", this.#ports.trainer.evaluate(batch));
      this.feed({ kind: "leafEvaluated", position, leaf, tally: tallyOf(batch, losses) });
    }
  }

  async #writeSamples(position: Position): Promise<void> {
    const { result: samples } = await this.#during("compute", this.#ports.writeSamples(this.#ports.trainer));
    this.feed({ kind: "samplesWritten", position, samples });
  }

  #blockOf(partial: Values, block: BlockIndex): Values {
    const { start, end } = blockRange(this.#size, block);
    return partial.subarray(start, end);
  }
}
