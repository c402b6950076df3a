/**
 * A worker as a machine: what it computes, sends and applies. The step in flight is remembered until its commit, so a
 * plan may send it back to any earlier point of the step; after the commit nothing of it can be asked for.
 */
import { assert, present, unreachable } from "../base/assert.ts";
import type { Sha256 } from "../base/digest.ts";
import { type BlockIndex, compareGenerations, type Leaf, type Step, type WorkerId } from "../base/ids.ts";
import type { Machine, Millis } from "../base/machine.ts";
import { type Tally, targetsOf } from "../step/tally.ts";
import type { SubtreeKey } from "../step/tree.ts";
import type { Phase } from "../telemetry/phase.ts";
import type { CoordinatorMessage, Frame, Plan, Position, PreparedStep } from "../wire/messages.ts";
import type { AveragedBlock, MemberEffect, MemberEvent, MemberTransition } from "./member-events.ts";
import { StepWork } from "./step-work.ts";

export interface MemberSettings<P, B> {
  readonly self: WorkerId;
  readonly leaves: number;
  readonly blocks: number;
  readonly sha256: Sha256;
  /** A block of a partial, without a copy. */
  readonly blockOf: (partial: P, block: BlockIndex) => B;
}

type Commit = Extract<CoordinatorMessage, { kind: "commit" }>;

export class Member<P, B> implements Machine<MemberEvent<P, B>, MemberEffect<P, B>> {
  readonly wakeAt: Millis | undefined = undefined;
  readonly #settings: MemberSettings<P, B>;
  #effects: MemberEffect<P, B>[] = [];

  #position: Position | undefined;
  #plan: Plan | undefined;
  #work: StepWork<P, B> | undefined;
  #applying: Commit | undefined;
  #computing: { readonly step: Step; readonly leaf: Leaf } | undefined;
  /** Messages that came while an update was applied; they are taken after it. */
  #deferred: CoordinatorMessage[] = [];
  #mustReport = false;
  readonly #links = new Set<WorkerId>();
  /** Frames of a plan or step that has not reached this member yet, by what makes them one. */
  readonly #early = new Map<string, { readonly from: WorkerId; readonly frame: Frame<B> }>();

  constructor(settings: MemberSettings<P, B>) {
    this.#settings = settings;
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** What the time goes to while the engine has nothing to do, as `telemetry/phase.ts` divides it. */
  get waitsFor(): Phase {
    if (this.#work === undefined || this.#plan === undefined) return "idle";
    return this.#work.prepared === undefined ? "exchange" : "commit";
  }

  /** Frames and messages that wait for a plan or for an update: bounded, because peers are at most one step ahead. */
  get backlog(): number {
    return this.#early.size + this.#deferred.length;
  }

  step(_now: Millis, event: MemberEvent<P, B>): readonly MemberEffect<P, B>[] {
    this.#effects = [];
    this.#take(event);
    return this.#effects;
  }

  #take(event: MemberEvent<P, B>): void {
    switch (event.kind) {
      case "connected":
        return this.#reportReady();
      case "messageReceived":
        return this.#takeMessage(event.message);
      case "frameReceived":
        return this.#takeFrame(event.from, event.frame);
      case "linkOpened":
        this.#links.add(event.peer);
        return this.#sendEverything([event.peer], "partials-resent");
      case "linkClosed":
        this.#links.delete(event.peer);
        return;
      case "leafComputed":
        return this.#takeLeaf(event.step, event.leaf, event.partial, event.tally);
      case "partialsAdded":
        return this.#takeSum(event.step, event.subtree, event.partial);
      case "blockAveraged":
        return this.#takeOwnAverage(event);
      case "updateApplied":
        return this.#endStep(event.step);
      case "stateLoaded":
        this.#position = event.position;
        return this.#reportReady();
      case "stateLoadFailed":
        this.#send({ kind: "loadFailed", position: event.position, reason: event.reason });
        return;
      case "leafEvaluated":
        this.#send({ kind: "evaluated", position: event.position, leaf: event.leaf, tally: event.tally });
        return;
      case "samplesWritten":
        this.#send({ kind: "sampled", position: event.position, samples: event.samples });
        return;
      default:
        unreachable(event);
    }
  }

  #takeMessage(message: CoordinatorMessage): void {
    if (this.#applying !== undefined && message.kind !== "stop") {
      this.#deferred.push(message);
      return;
    }
    switch (message.kind) {
      case "plan":
        return this.#follow(message);
      case "commit":
        return this.#commit(message);
      case "load":
        // Two loads crossed with the answer to the first, which the coordinator has by now.
        if (samePosition(this.#position, message.position)) return;
        this.#dropWork();
        this.#plan = undefined;
        this.#position = undefined;
        this.#effects.push({ kind: "loadState", position: message.position, donor: message.donor });
        return;
      case "serve":
        this.#effects.push({ kind: "serveState", position: message.position, receiver: message.receiver });
        return;
      case "evaluate":
        this.#effects.push({ kind: "evaluateLeaves", position: message.position, leaves: message.leaves });
        return;
      case "sample":
        this.#effects.push({ kind: "writeSamples", position: message.position });
        return;
      case "heartbeat":
        return;
      case "stop":
        this.#effects.push({ kind: "stop", reason: message.reason });
        return;
      default:
        unreachable(message);
    }
  }

  // ---- plans and steps

  #follow(plan: Plan): void {
    if (this.#plan !== undefined && compareGenerations(plan.generation, this.#plan.generation) <= 0) {
      this.#note("stale-plan");
      return;
    }
    const position = present(this.#position, "a plan goes to members, and a member has a state");
    assert(plan.step === position.step && plan.lineage === position.lineage, "a plan starts at the position of its members");
    this.#plan = plan;
    this.#effects.push({ kind: "setRoutes", plan });
    this.#startStep(plan, position);
    this.#takeEarlyFrames();
  }

  #startStep(plan: Plan, position: Position): void {
    const { self, leaves, blocks } = this.#settings;
    this.#note("step-started");
    this.#work ??= new StepWork(position, leaves, blocks);
    for (const partial of this.#work.follow(plan, self)) {
      this.#note("partial-dropped");
      this.#release(partial.values);
    }
    if (plan.finishFrom.includes(self)) {
      this.#reportPrepared(present(this.#work.prepared, "whoever a step is finished from has prepared it"));
      if (plan.finishFrom[0] === self) this.#note("averages-served");
    } else if (plan.finishFrom.length === 0) {
      for (const [subtree, partial] of this.#work.partials) if (this.#work.isRoot(subtree)) this.#collectOwn(subtree, partial);
      this.#feedTrainer();
    }
    this.#sendEverything([...this.#links]);
  }

  /** Gives the trainer its next work: sums before leaves, since they are short and free memory. */
  #feedTrainer(): void {
    const work = this.#work;
    if (work === undefined || this.#plan === undefined || this.#plan.finishFrom.length > 0 || work.prepared !== undefined) return;
    for (let parent = work.nextSum(); parent !== undefined; parent = work.nextSum()) {
      const { left, right } = work.beginSum(parent);
      this.#effects.push({ kind: "addPartials", step: work.position.step, subtree: parent, left: left.values, right: right.values });
    }
    if (this.#computing !== undefined) return;
    const leaf = work.nextLeaf();
    if (leaf === undefined) return;
    this.#computing = { step: work.position.step, leaf };
    this.#effects.push({ kind: "computeLeaf", step: work.position.step, leaf });
  }

  #takeLeaf(step: Step, leaf: Leaf, values: P, tally: Tally): void {
    this.#computing = undefined;
    const work = this.#workOf(step);
    if (work?.keepLeaf(leaf, values, tally) === true) this.#takePartial(work.leaves + leaf);
    else this.#release(values);
    this.#feedTrainer();
  }

  #takeSum(step: Step, subtree: SubtreeKey, values: P): void {
    if (this.#workOf(step)?.endSum(subtree, values) === true) this.#takePartial(subtree);
    else this.#release(values);
    this.#feedTrainer();
  }

  /** A partial that is a root of this member's cover goes to the owners of its blocks, this member included. */
  #takePartial(subtree: SubtreeKey): void {
    const work = this.#work;
    const partial = work?.partials.get(subtree);
    if (work === undefined || partial === undefined || !work.isRoot(subtree) || this.#plan?.finishFrom.length !== 0) return;
    for (const peer of this.#links) this.#sendPartial(peer, subtree);
    this.#collectOwn(subtree, partial);
  }

  // ---- exchange

  #collectOwn(subtree: SubtreeKey, partial: { readonly values: P; readonly tally: Tally }): void {
    const { self, blockOf } = this.#settings;
    this.#work?.owners.forEach((owner, block) => {
      if (owner === self) this.#collect(block, subtree, blockOf(partial.values, block), partial.tally);
    });
  }

  #collect(block: BlockIndex, subtree: SubtreeKey, values: B, tally: Tally): void {
    const work = present(this.#work, "parts are collected for a step in flight");
    const complete = work.collect(block, subtree, values, tally);
    if (complete === undefined) return;
    work.tally ??= complete.tally;
    this.#effects.push({
      kind: "averageBlock",
      generation: this.#generation(),
      step: work.position.step,
      block,
      parts: complete.parts,
      targets: targetsOf(complete.tally),
    });
  }

  #takeOwnAverage(event: Extract<MemberEvent<P, B>, { kind: "blockAveraged" }>): void {
    const work = this.#workOf(event.step);
    if (work === undefined || this.#plan === undefined || compareGenerations(event.generation, this.#plan.generation) !== 0) return;
    const { values, digest, sumOfSquares, block } = event;
    const tally = present(work.tally, "the owner of a block knows the tally");
    this.#keepAverage(work, block, { values, digest, sumOfSquares }, tally);
    for (const peer of this.#links) this.#sendAverage(peer, block);
  }

  #keepAverage(work: StepWork<P, B>, block: BlockIndex, average: AveragedBlock<B>, tally: Tally): void {
    const prepared = work.keepAverage(this.#settings.sha256, block, average, tally);
    if (prepared !== undefined) this.#reportPrepared(prepared);
  }

  /** Sends a peer all that the current plan owes it: after a new plan, and when a link opens. */
  #sendEverything(peers: readonly WorkerId[], transition?: MemberTransition): void {
    const work = this.#work;
    const plan = this.#plan;
    if (work === undefined || plan === undefined || this.#applying !== undefined) return;
    for (const peer of peers) {
      if (!plan.members.some((m) => m.worker === peer)) continue;
      if (transition !== undefined && (work.partials.size > 0 || work.averages.size > 0)) this.#note(transition);
      if (plan.finishFrom.length === 0)
        for (const subtree of work.partials.keys()) if (work.isRoot(subtree)) this.#sendPartial(peer, subtree);
      for (const block of work.averages.keys()) this.#sendAverage(peer, block);
    }
  }

  #sendPartial(to: WorkerId, subtree: SubtreeKey): void {
    const work = present(this.#work, "partials are sent of a step in flight");
    const partial = present(work.partials.get(subtree), "a sent partial is held");
    work.owners.forEach((owner, block) => {
      if (owner !== to) return;
      const values = this.#settings.blockOf(partial.values, block);
      this.#effects.push({
        kind: "sendFrame",
        to,
        frame: { kind: "partial", ...this.#head(work, block), subtree, tally: partial.tally, values },
      });
    });
  }

  #sendAverage(to: WorkerId, block: BlockIndex): void {
    const work = present(this.#work, "averages are sent of a step in flight");
    if (!this.#serves(this.#settings.self, to, block)) return;
    const { values, digest, sumOfSquares } = present(work.averages.get(block), "a sent average is held");
    const tally = present(work.tally, "an average has a tally");
    this.#effects.push({
      kind: "sendFrame",
      to,
      frame: { kind: "average", ...this.#head(work, block), tally, digest, sumOfSquares, values },
    });
  }

  /** Who sends the average of a block to whom: its owner to all, or when finishing the first source to those without. */
  #serves(from: WorkerId, to: WorkerId, block: BlockIndex): boolean {
    const finishFrom = this.#plan?.finishFrom ?? [];
    if (finishFrom.length > 0) return finishFrom[0] === from && !finishFrom.includes(to);
    return this.#work?.owners[block] === from;
  }

  #takeFrame(from: WorkerId, frame: Frame<B>): void {
    const plan = this.#plan;
    const age = plan === undefined ? 1 : compareGenerations(frame.generation, plan.generation);
    const step = this.#work?.position.step ?? this.#position?.step ?? -1;
    if (age < 0 || (age === 0 && frame.step < step)) return this.#note("stale-frame");
    const isNext = age > 0 || frame.step > step || this.#work === undefined || this.#applying !== undefined;
    if (isNext) {
      this.#note("early-frame");
      const { generation: g } = frame;
      for (const [key, early] of this.#early) {
        const isOlder = compareGenerations(early.frame.generation, g) < 0;
        if (early.from === from && isOlder) this.#early.delete(key);
      }
      this.#early.set(
        `${from} ${g.term} ${g.count} ${frame.step} ${frame.kind} ${frame.block} ${frame.kind === "partial" ? frame.subtree : ""}`,
        { from, frame },
      );
      return;
    }
    const work = present(this.#work, "a frame that is neither stale nor early is of the step in flight");
    const reason = this.#reasonToRefuse(work, from, frame);
    if (reason !== undefined) {
      this.#note("refused-frame");
      this.#effects.push({ kind: "refuseFrame", from, reason });
    } else if (frame.kind === "partial") {
      if (work.isCollected(frame.block, frame.subtree)) this.#note("duplicate-frame");
      else this.#collect(frame.block, frame.subtree, frame.values, frame.tally);
    } else if (work.averages.has(frame.block)) this.#note("duplicate-frame");
    else {
      const { values, digest, sumOfSquares } = frame;
      this.#keepAverage(work, frame.block, { values, digest, sumOfSquares }, frame.tally);
    }
  }

  #reasonToRefuse(work: StepWork<P, B>, from: WorkerId, frame: Frame<B>): string | undefined {
    if (frame.lineage !== work.position.lineage) return `lineage ${frame.lineage} instead of ${work.position.lineage}`;
    if (frame.kind === "average")
      return this.#serves(from, this.#settings.self, frame.block)
        ? undefined
        : `average of block ${frame.block} from a member that does not own it`;
    if (this.#plan?.finishFrom.length !== 0) return "a partial while the step is being finished";
    if (work.owners[frame.block] !== this.#settings.self) return `partial of block ${frame.block}, which is another member's`;
    return work.covers.get(from)?.includes(frame.subtree) === true
      ? undefined
      : `partial of subtree ${frame.subtree}, which is not in the sender's cover`;
  }

  #takeEarlyFrames(): void {
    const early = [...this.#early.values()];
    this.#early.clear();
    for (const { from, frame } of early) this.#takeFrame(from, frame);
  }

  // ---- prepared, commit, applied

  #reportPrepared(prepared: PreparedStep): void {
    this.#note("prepared");
    this.#send({
      kind: "prepared",
      generation: this.#generation(),
      computed: present(this.#work, "a step is in flight").computed,
      ...prepared,
    });
  }

  #commit(commit: Commit): void {
    const prepared = this.#work?.prepared;
    if (this.#work === undefined || prepared === undefined || prepared.step !== commit.step || prepared.digest !== commit.digest) {
      // A commit that was sent twice, or one that this member was evicted before: its position tells the coordinator.
      this.#note("commit-after-reconnect");
      return;
    }
    this.#applying = commit;
    this.#effects.push({
      kind: "applyUpdate",
      step: commit.step,
      scalars: commit.scalars,
      isSkipped: commit.isSkipped,
      averages: this.#work.averagesInOrder().map((a) => a.values),
    });
  }

  #endStep(step: Step): void {
    const commit = present(this.#applying, "an update was being applied");
    assert(commit.step === step, "the update applied is the one that was committed");
    this.#note("applied");
    this.#applying = undefined;
    this.#dropWork();
    const position = { step: step + 1, lineage: commit.lineageAfter };
    this.#position = position;
    if (commit.hold || this.#plan === undefined) this.#dropEarlierThanNext();
    else {
      // The same generation goes on; it is a plain redo from here, whatever it began as.
      this.#plan = { ...this.#plan, step: position.step, lineage: position.lineage, finishFrom: [] };
      this.#startStep(this.#plan, position);
      this.#takeEarlyFrames();
    }
    if (this.#mustReport) this.#reportReady();
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const message of deferred) this.#takeMessage(message);
  }

  /** After a commit with hold the generation is over: frames that named it will never be wanted. */
  #dropEarlierThanNext(): void {
    const generation = this.#plan?.generation;
    for (const [key, { frame }] of this.#early)
      if (generation !== undefined && compareGenerations(frame.generation, generation) <= 0) this.#early.delete(key);
  }

  #dropWork(): void {
    for (const partial of this.#work?.partials.values() ?? []) this.#release(partial.values);
    this.#work = undefined;
  }

  #reportReady(): void {
    this.#mustReport = this.#applying !== undefined;
    if (this.#mustReport) return;
    this.#send({ kind: "ready", position: this.#position, prepared: this.#work?.prepared });
  }

  // ---- small parts

  #workOf(step: Step): StepWork<P, B> | undefined {
    return this.#work?.position.step === step ? this.#work : undefined;
  }

  #generation() {
    return present(this.#plan, "a step in flight has a plan").generation;
  }

  #head(work: StepWork<P, B>, block: BlockIndex) {
    return { generation: this.#generation(), step: work.position.step, lineage: work.position.lineage, block };
  }

  #send(message: Extract<MemberEffect<P, B>, { kind: "send" }>["message"]): void {
    this.#effects.push({ kind: "send", message });
  }

  #release(partial: P): void {
    this.#effects.push({ kind: "release", partial });
  }

  #note(transition: MemberTransition): void {
    this.#effects.push({ kind: "note", transition });
  }
}

function samePosition(a: Position | undefined, b: Position): boolean {
  return a?.step === b.step && a.lineage === b.lineage;
}
