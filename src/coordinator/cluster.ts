/**
 * The coordinator as a machine: who takes part, what they do, and when a step is final. A step is final once its
 * record is on disk; everything before that can be done again by anybody with the same result.
 */
import { assert, present, unreachable } from "../base/assert.ts";
import type { Sha256 } from "../base/digest.ts";
import { compareGenerations, type Generation, type Step, type WorkerId } from "../base/ids.ts";
import type { Machine, Millis } from "../base/machine.ts";
import { nextLineage, type StepScalars } from "../step/lineage.ts";
import { addTallies, type Tally } from "../step/tally.ts";
import type { Phase as ActivityPhase } from "../telemetry/phase.ts";
import { Liveness } from "../wire/liveness.ts";
import type { Assignment, CoordinatorMessage, Plan, Position, PreparedStep, Sample, WorkerMessage } from "../wire/messages.ts";
import { freshAssignment, reassign } from "./assignment.ts";
import type { ClusterEffect, ClusterEvent, ClusterFailure, ClusterTransition, CommittedStep, StepCourse } from "./cluster-events.ts";
import type { History } from "./history.ts";

export interface ClusterSettings {
  readonly term: number;
  readonly leaves: number;
  readonly blocks: number;
  readonly validationLeaves: number;
  readonly workersMin: number;
  /** Members of the last generation of the term before: a restarted coordinator waits `graceMs` for them. */
  readonly expected: readonly WorkerId[];
  readonly graceMs: Millis;
  readonly timeoutMs: Millis;
  readonly steps: Step;
  readonly validateEvery: Step;
  readonly checkpointEvery: Step;
  readonly sampleEvery: Step;
  /** Non-finite averages in a row that end the run. */
  readonly skipsMax: number;
  readonly sha256: Sha256;
  readonly scalarsOf: (step: Step, sumOfSquares: number) => StepScalars;
  readonly history: History;
}

interface WorkerView {
  position: Position | undefined;
  prepared: PreparedStep | undefined;
  /** The state it was told to get. */
  loading: { readonly position: Position; readonly donor: WorkerId | undefined } | undefined;
  /** Donors that it could not get a state from. */
  readonly failedDonors: Set<WorkerId | undefined>;
  readonly order: number;
}

interface Stepping {
  readonly kind: "stepping";
  readonly plan: Plan;
  readonly position: Position;
  /** Leaves were dealt for these members, not kept from a generation with others. */
  readonly isFresh: boolean;
  readonly course: StepCourse;
  readonly prepared: Map<WorkerId, PreparedStep & { readonly computed: readonly number[] }>;
}

interface Boundary {
  readonly kind: "boundary";
  readonly position: Position;
  readonly reason: string;
  /** Validation leaves still missing, and which worker was asked for each. */
  evaluation: { readonly tallies: Map<number, Tally>; readonly askedOf: Map<number, WorkerId> } | undefined;
  sampling: WorkerId | undefined;
  checkpoint: { readonly from: WorkerId } | undefined;
  readonly done: Set<"evaluation" | "samples" | "checkpoint">;
}

type Phase =
  | { readonly kind: "gathering"; readonly until: Millis | undefined; readonly min: number }
  | Stepping
  | { readonly kind: "appending"; readonly stepping: Stepping; readonly record: CommittedStep }
  | Boundary
  | { readonly kind: "over" };

/** Without this a worker that cannot reach another would come back at once, and the step would be done again for ever. */
const apartTimeouts = 10;

export class Cluster implements Machine<ClusterEvent, ClusterEffect> {
  readonly #settings: ClusterSettings;
  readonly #liveness: Liveness<WorkerId>;
  readonly #workers = new Map<WorkerId, WorkerView>();
  #effects: ClusterEffect[] = [];
  #phase: Phase;
  #generations = 0;
  #arrivals = 0;
  #skips = 0;
  #disagreements = 0;
  #stopRequested = false;
  #expected: ReadonlySet<WorkerId>;
  /** Links that a worker reported as down and not as up again. */
  readonly #downLinks = new Map<string, readonly [WorkerId, WorkerId]>();
  /** How long they have been down while this process was awake. */
  readonly #linkLiveness: Liveness<string>;
  /** Who was evicted because it cannot reach a member, and until when it need not come back while that one is here. */
  readonly #apart = new Map<WorkerId, { readonly from: WorkerId; readonly until: Millis }>();
  #now: Millis = 0;

  constructor(settings: ClusterSettings) {
    this.#settings = settings;
    this.#liveness = new Liveness(settings.timeoutMs);
    this.#linkLiveness = new Liveness(settings.timeoutMs);
    this.#expected = new Set(settings.expected);
    this.#phase = { kind: "gathering", until: undefined, min: settings.expected.length > 0 ? 1 : settings.workersMin };
  }

  get wakeAt(): Millis | undefined {
    if (this.#phase.kind === "over") return undefined;
    const { kind } = this.#phase;
    const times = [
      this.#liveness.checkAt,
      kind === "gathering" && this.#workers.size >= this.#phase.min ? this.#phase.until : undefined,
      kind === "stepping" ? this.#linkLiveness.checkAt : undefined,
    ];
    const due = times.filter((t) => t !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** For status pages and time-outs: what the run waits for. */
  get phase(): Phase["kind"] {
    return this.#phase.kind;
  }

  /** What the time goes to, as `telemetry/phase.ts` divides it. */
  get activity(): ActivityPhase {
    const phase = this.#phase;
    switch (phase.kind) {
      case "stepping":
        return phase.prepared.size === 0 ? "compute" : "exchange";
      case "appending":
        return "commit";
      case "boundary": {
        const isEvaluating = phase.evaluation !== undefined && !phase.done.has("evaluation");
        const isSampling = phase.sampling !== undefined && !phase.done.has("samples");
        return isEvaluating || isSampling ? "compute" : "checkpoint";
      }
      case "gathering":
      case "over":
        return "idle";
      default:
        return unreachable(phase);
    }
  }

  step(now: Millis, event: ClusterEvent): readonly ClusterEffect[] {
    this.#effects = [];
    this.#now = now;
    if (this.#phase.kind !== "over") {
      this.#take(now, event);
      for (const worker of this.#liveness.silent(now)) {
        this.#note("worker-silent");
        this.#close(worker, `silent for ${this.#settings.timeoutMs} ms`);
      }
      this.#evictUnreachable(now);
      this.#proceed(now);
    }
    return this.#effects;
  }

  #take(now: Millis, event: ClusterEvent): void {
    switch (event.kind) {
      case "messageReceived":
        this.#liveness.heard(now, event.worker);
        return this.#takeMessage(now, event.worker, event.message);
      case "workerGone":
        return this.#lose(event.worker);
      case "recordAppended":
        return this.#commitAppended(event.step);
      case "checkpointEnded":
        return this.#endCheckpoint(event.worker, event.position, event.isStored);
      case "stopRequested":
        this.#stopRequested = true;
        return;
      case "timeArrived":
        return;
      default:
        unreachable(event);
    }
  }

  #takeMessage(now: Millis, worker: WorkerId, message: WorkerMessage): void {
    switch (message.kind) {
      case "ready":
        return this.#takeReady(now, worker, message.position, message.prepared);
      case "prepared":
        return this.#takePrepared(worker, message);
      case "loadFailed": {
        const view = this.#workers.get(worker);
        if (view?.loading === undefined || !samePosition(view.loading.position, message.position)) return;
        this.#note("load-failed");
        view.failedDonors.add(view.loading.donor);
        view.loading = undefined;
        return;
      }
      case "evaluated":
        if (this.#phase.kind === "boundary" && samePosition(this.#phase.position, message.position))
          this.#phase.evaluation?.tallies.set(message.leaf, message.tally);
        return;
      case "sampled":
        return this.#takeSamples(worker, message.position, message.samples);
      case "linkDown":
        this.#takeLinkDown([worker, message.peer]);
        return;
      case "linkUp":
        this.#forgetLink(pairName(worker, message.peer));
        return;
      case "leaving":
        return this.#close(worker, "it leaves");
      case "heartbeat":
        return;
      default:
        unreachable(message);
    }
  }

  // ---- who is here

  #takeReady(now: Millis, worker: WorkerId, position: Position | undefined, prepared: PreparedStep | undefined): void {
    const { history, graceMs } = this.#settings;
    if (position !== undefined && position.step > history.committed) {
      this.#fail("log-behind", `worker ${worker} has applied ${position.step} steps, the log knows ${history.committed}`);
      return;
    }
    const apart = this.#apart.get(worker);
    if (apart !== undefined && now < apart.until && this.#workers.has(apart.from)) {
      this.#close(worker, `it could not reach ${apart.from}, it may come back later`);
      return;
    }
    const isKnown = position !== undefined && history.lineageAt(position.step) === position.lineage;
    const before = this.#workers.get(worker);
    // It answers an older load, and the newer one has taken that state from it meanwhile.
    if (before?.loading !== undefined && !samePosition(before.loading.position, position)) return;
    const view: WorkerView = before ?? {
      position: undefined,
      prepared: undefined,
      loading: undefined,
      failedDonors: new Set(),
      order: this.#arrivals++,
    };
    if (view.loading !== undefined && isKnown) this.#note("joiner-ready");
    view.position = isKnown ? position : undefined;
    view.prepared = isKnown && prepared?.step === position.step ? prepared : undefined;
    view.loading = undefined;
    this.#workers.set(worker, view);
    this.#commitAgain(worker, view);
    if (this.#phase.kind === "gathering" && this.#phase.until === undefined) {
      const isAwaited = this.#expected.size > 0;
      this.#phase = { ...this.#phase, until: isAwaited ? now + graceMs : undefined };
    }
    this.#takeReturned(worker, view);
  }

  /** A worker that prepared the newest committed step but missed the commit gets it again. */
  #commitAgain(worker: WorkerId, view: WorkerView): void {
    const { history } = this.#settings;
    const record = history.recordOf(history.committed - 1);
    if (record === undefined || view.position?.step !== record.step || view.prepared?.digest !== record.averageDigest) return;
    this.#note("commit-sent-again");
    this.#send(worker, commitOf(record, true));
    view.position = { step: record.step + 1, lineage: record.lineage };
    view.prepared = undefined;
  }

  /** A worker that comes back with the state of the step in flight is a member again at once, without a transfer. */
  #takeReturned(worker: WorkerId, view: WorkerView): void {
    if (this.#phase.kind !== "stepping" || view.position === undefined || !samePosition(view.position, this.#phase.position)) return;
    this.#note("returned-in-step");
    this.#phase.prepared.delete(worker);
    this.#replan(this.#phase, `${worker} returned`);
  }

  #lose(worker: WorkerId): void {
    const view = this.#workers.get(worker);
    this.#workers.delete(worker);
    this.#liveness.forget(worker);
    for (const [name, pair] of this.#downLinks) if (pair.includes(worker)) this.#forgetLink(name);
    if (view === undefined) return;
    for (const joiner of this.#workers.values())
      if (joiner.loading?.donor === worker) {
        this.#note("donor-lost");
        joiner.failedDonors.add(worker);
        joiner.loading = undefined;
      }
    switch (this.#phase.kind) {
      case "stepping":
        if (this.#phase.plan.members.some((m) => m.worker === worker)) this.#loseMember(this.#phase, worker);
        return;
      case "appending":
        // It may be back under its name before the record is on disk, and then it has not prepared this step.
        this.#note("lost-while-appending");
        this.#phase.stepping.prepared.delete(worker);
        return;
      case "boundary":
        this.#note("lost-at-boundary");
        this.#forgetTasks(this.#phase, worker);
        return;
      case "gathering":
      case "over":
        return;
      default:
        unreachable(this.#phase);
    }
  }

  #loseMember(stepping: Stepping, worker: WorkerId): void {
    stepping.prepared.delete(worker);
    const survivors = this.#aliveMembers(stepping.plan);
    if (survivors.length === 0) {
      this.#note("all-lost");
      this.#phase = { kind: "gathering", until: undefined, min: 1 };
    } else if (survivors.every((id) => stepping.prepared.has(id))) {
      this.#note("survivors-all-prepared");
      this.#decide({ ...stepping, course: "finished" });
    } else this.#replan(stepping, `lost ${worker}`);
  }

  #aliveMembers(plan: Plan): readonly WorkerId[] {
    return plan.members.map((m) => m.worker).filter((id) => this.#workers.has(id));
  }

  #close(worker: WorkerId, reason: string): void {
    this.#effects.push({ kind: "closeWorker", worker, reason });
    this.#lose(worker);
  }

  #takeLinkDown(pair: readonly [WorkerId, WorkerId]): void {
    this.#downLinks.set(pairName(...pair), pair);
    this.#linkLiveness.heard(this.#now, pairName(...pair));
  }

  #forgetLink(name: string): void {
    this.#downLinks.delete(name);
    this.#linkLiveness.forget(name);
  }

  /** Two members that cannot reach each other for the time-out: the one with more broken links leaves, then the younger. */
  #evictUnreachable(now: Millis): void {
    if (this.#phase.kind !== "stepping") return;
    // One at a time: the generation that follows gives the other links their time again.
    // A worker that was a member before may still knock at those it knew: only links of this generation count.
    const { plan } = this.#phase;
    const pairs = this.#linkLiveness.silent(now).map((name) => present(this.#downLinks.get(name), "a link that is timed is known"));
    const pair = pairs.find((p) => isPlanned(p, plan));
    if (pair === undefined) return;
    const broken = (id: WorkerId) => [...this.#downLinks.values()].filter((p) => p.includes(id)).length;
    const order = (id: WorkerId) => this.#workers.get(id)?.order ?? Number.POSITIVE_INFINITY;
    const [a, b] = pair;
    const worst = broken(a) > broken(b) || (broken(a) === broken(b) && order(a) > order(b)) ? a : b;
    this.#note("link-down-evicts");
    this.#apart.set(worst, { from: worst === a ? b : a, until: now + apartTimeouts * this.#settings.timeoutMs });
    this.#close(worst, `no link between ${pair.join(" and ")} for ${this.#settings.timeoutMs} ms`);
  }

  // ---- steps

  #takePrepared(worker: WorkerId, message: Extract<WorkerMessage, { kind: "prepared" }>): void {
    const view = this.#workers.get(worker);
    if (view !== undefined && view.position?.step === message.step) view.prepared = message;
    const phase = this.#phase;
    if (
      phase.kind !== "stepping" ||
      compareGenerations(message.generation, phase.plan.generation) !== 0 ||
      message.step !== phase.position.step
    ) {
      this.#note("stale-prepared");
      return;
    }
    phase.prepared.set(worker, message);
    if (this.#aliveMembers(phase.plan).every((id) => phase.prepared.has(id))) this.#decide(phase);
  }

  /** All living members have prepared: the step is what they agree on. */
  #decide(stepping: Stepping): void {
    const { history, leaves } = this.#settings;
    const [first, ...others] = stepping.prepared.values();
    assert(first !== undefined, "a decision has members");
    if (others.some((other) => !samePrepared(first, other))) return this.#disagree(stepping);
    this.#disagreements = 0;
    const { step, lineage } = stepping.position;
    const isSkipped = !Number.isFinite(first.sumOfSquares);
    const scalars = this.#settings.scalarsOf(step, isSkipped ? 0 : first.sumOfSquares);
    const leafWorkers: WorkerId[] = [];
    for (const { worker, leaves: held } of stepping.plan.members) for (const leaf of held) leafWorkers[leaf] = worker;
    const computations = Array.from({ length: leaves }, () => 0);
    for (const { computed } of stepping.prepared.values()) for (const leaf of computed) computations[leaf] = (computations[leaf] ?? 0) + 1;
    const record: CommittedStep = {
      step,
      lineageBefore: lineage,
      lineage: nextLineage(this.#settings.sha256, lineage, first.digest, scalars, isSkipped),
      averageDigest: first.digest,
      scalars,
      isSkipped,
      gradientNorm: Math.sqrt(first.sumOfSquares),
      tally: first.tally,
      course: stepping.course,
      leafWorkers,
      computations,
    };
    if (step < history.committed) return this.#compareReplay(stepping, record);
    this.#skips = isSkipped ? this.#skips + 1 : 0;
    this.#phase = { kind: "appending", stepping, record };
    this.#effects.push({ kind: "append", record });
  }

  #compareReplay(stepping: Stepping, record: CommittedStep): void {
    const logged = present(this.#settings.history.recordOf(record.step), "a committed step has a record");
    if (logged.averageDigest !== record.averageDigest || logged.lineage !== record.lineage) {
      this.#fail(
        "replay-differs",
        `step ${record.step} gave ${record.averageDigest} when it was replayed, the log has ${logged.averageDigest}`,
      );
      return;
    }
    this.#note("replayed");
    this.#commit(stepping, record);
  }

  /** Two averages for one step mean that something computed or carried wrongly. Once more; then stop. */
  #disagree(stepping: Stepping): void {
    this.#disagreements += 1;
    if (this.#disagreements > 1) {
      const digests = [...stepping.prepared].map(([id, p]) => `${id} ${p.digest}`).join(", ");
      this.#fail("members-disagree", `step ${stepping.position.step} has more than one average: ${digests}`);
      return;
    }
    stepping.prepared.clear();
    this.#replan(stepping, "members disagree");
  }

  #commitAppended(step: Step): void {
    const phase = this.#phase;
    if (phase.kind !== "appending" || phase.record.step !== step) return;
    this.#note("committed");
    this.#effects.push({ kind: "reportStep", record: phase.record });
    if (this.#skips >= this.#settings.skipsMax) {
      this.#fail("loss-not-finite", `the average gradient was not finite in ${this.#skips} steps in a row, the last was step ${step}`);
      return;
    }
    this.#commit(phase.stepping, phase.record);
  }

  #commit(stepping: Stepping, record: CommittedStep): void {
    const position = { step: record.step + 1, lineage: record.lineage };
    const members = this.#aliveMembers(stepping.plan).filter((id) => stepping.prepared.has(id));
    const reason = this.#reasonToHold(position, stepping, members);
    for (const worker of members) {
      const view = present(this.#workers.get(worker), "an alive member is known");
      view.position = position;
      view.prepared = undefined;
      this.#send(worker, commitOf(record, reason !== undefined));
    }
    for (const [worker, view] of this.#workers) this.#commitAgain(worker, view);
    if (members.length === 0) {
      this.#note("all-lost");
      this.#phase = { kind: "gathering", until: undefined, min: 1 };
    } else if (reason !== undefined) {
      this.#note("held");
      this.#enterBoundary(position, reason);
    } else this.#phase = { ...stepping, plan: { ...stepping.plan, finishFrom: [] }, position, course: "plain", prepared: new Map() };
  }

  #reasonToHold(position: Position, { isFresh, plan }: Stepping, members: readonly WorkerId[]): string | undefined {
    if (this.#stopRequested) return "stop requested";
    if (position.step >= this.#settings.steps) return "last step";
    if (members.length < plan.members.length) return "a member was lost";
    if (this.#workers.size > members.length) return "a worker joins";
    if (this.#isEvaluationDue(position.step)) return "evaluation";
    if (this.#isCheckpointDue(position.step)) return "checkpoint";
    if (isDue(position.step, this.#settings.sampleEvery)) return "samples";
    if (!isFresh) return "leaves are dealt anew";
    return undefined;
  }

  /** The next generation of a step in flight: finish it when somebody has prepared it, else redo what was lost. */
  #replan(stepping: Stepping, reason: string): void {
    const { leaves, blocks } = this.#settings;
    const members = [...this.#workers].filter(([, view]) => samePosition(view.position, stepping.position)).map(([id]) => id);
    const finishFrom = members.filter((id) => stepping.prepared.has(id));
    this.#note(finishFrom.length > 0 ? "finish" : "redo");
    const assignment = reassign(stepping.plan.members, members, leaves, blocks);
    const course = finishFrom.length > 0 ? "finished" : "redone";
    this.#startGeneration({ position: stepping.position, isFresh: false, course }, assignment, finishFrom, reason);
  }

  #startGeneration(
    { position, isFresh, course }: Pick<Stepping, "position" | "isFresh" | "course">,
    members: readonly Assignment[],
    finishFrom: readonly WorkerId[],
    reason: string,
  ): void {
    this.#generations += 1;
    const generation: Generation = { term: this.#settings.term, count: this.#generations };
    const plan: Plan = { generation, ...position, members, finishFrom };
    this.#phase = { kind: "stepping", plan, position, isFresh, course, prepared: new Map() };
    // New members have the whole time-out to open their links.
    for (const name of this.#downLinks.keys()) this.#linkLiveness.heard(this.#now, name);
    this.#effects.push({ kind: "recordGeneration", plan, reason });
    for (const { worker } of members) this.#send(worker, { kind: "plan", ...plan });
  }

  // ---- boundaries: what is done between steps

  /** Moves on where nothing more is waited for. Called after every event. */
  #proceed(now: Millis): void {
    if (this.#phase.kind === "gathering") this.#begin(now, this.#phase);
    if (this.#phase.kind !== "boundary") return;
    this.#workAtBoundary(this.#phase);
    // The state of this boundary died with its holders: begin again from what the others have.
    if (this.phase === "gathering" && this.#workers.size > 0) this.#proceed(now);
  }

  #begin(now: Millis, gathering: Extract<Phase, { kind: "gathering" }>): void {
    if (this.#stopRequested) return this.#finish(this.#settings.history.stored, false);
    const isEveryoneHere = this.#expected.size > 0 && [...this.#expected].every((id) => this.#workers.has(id));
    const isGraceOver = this.#expected.size === 0 || (gathering.until !== undefined && now >= gathering.until);
    if (this.#workers.size < gathering.min || !(isEveryoneHere || isGraceOver)) return;
    this.#expected = new Set();
    this.#note("began");
    // The newest state that anybody has; the store's when nobody has a newer one.
    const { stored } = this.#settings.history;
    let base: Position = stored;
    for (const { position } of this.#workers.values()) if (position !== undefined && position.step > base.step) base = position;
    this.#enterBoundary(base, "begin");
  }

  #enterBoundary(position: Position, reason: string): void {
    this.#phase = {
      kind: "boundary",
      position,
      reason,
      evaluation: undefined,
      sampling: undefined,
      checkpoint: undefined,
      done: new Set(),
    };
  }

  #workAtBoundary(boundary: Boundary): void {
    const members = this.#membersAt(boundary.position);
    const { position } = boundary;
    const { stored } = this.#settings.history;
    // What everybody is loading is stored already: nobody has to have it for the run to stop.
    if (this.#stopRequested && members.length === 0 && samePosition(position, stored)) return this.#finish(stored, false);
    const isLast = position.step >= this.#settings.steps || this.#stopRequested;
    const isLoading = !(isLast && members.length > 0) && this.#loadJoiners(boundary, members);
    if (members.length === 0 && !isLoading) {
      if (this.#workers.size > 0 && samePosition(position, stored)) return;
      this.#note("all-lost");
      this.#phase = { kind: "gathering", until: undefined, min: 1 };
      return;
    }
    if (members.length === 0) return;
    if (!this.#evaluate(boundary, members) || !this.#writeSamples(boundary, members) || !this.#checkpoint(boundary, members)) return;
    if (isLoading) return;
    if (isLast) return this.#finish(position, position.step >= this.#settings.steps);
    const { leaves, blocks, history } = this.#settings;
    const prepared = members.filter((id) => this.#workers.get(id)?.prepared?.step === position.step);
    const isAgreed = new Set(prepared.map((id) => this.#workers.get(id)?.prepared?.digest)).size === 1;
    const finishFrom = position.step === history.committed && isAgreed ? prepared : [];
    if (finishFrom.length > 0) this.#note("finish-after-restart");
    const course = finishFrom.length > 0 ? "finished" : "plain";
    this.#startGeneration({ position, isFresh: true, course }, freshAssignment(members, leaves, blocks), finishFrom, boundary.reason);
  }

  /** What a lost worker was asked for is asked of another, or of itself when it comes back under its name. */
  #forgetTasks(boundary: Boundary, worker: WorkerId): void {
    const askedOf = boundary.evaluation?.askedOf;
    for (const [leaf, asked] of askedOf ?? []) if (asked === worker) askedOf?.delete(leaf);
    if (boundary.sampling === worker) boundary.sampling = undefined;
    if (boundary.checkpoint?.from === worker) boundary.checkpoint = undefined;
  }

  #membersAt(position: Position): readonly WorkerId[] {
    return [...this.#workers].filter(([, view]) => samePosition(view.position, position)).map(([id]) => id);
  }

  /** Sends a state to everyone who has another or none; true while somebody is still loading. */
  #loadJoiners(boundary: Boundary, members: readonly WorkerId[]): boolean {
    let isLoading = false;
    const { stored } = this.#settings.history;
    for (const [worker, view] of this.#workers) {
      if (samePosition(view.position, boundary.position)) continue;
      if (view.loading !== undefined) {
        isLoading = true;
        continue;
      }
      const donors: readonly (WorkerId | undefined)[] = samePosition(stored, boundary.position) ? [...members, undefined] : members;
      const untried = donors.filter((id) => !view.failedDonors.has(id));
      if (untried.length === 0) {
        // Nobody is left to get it from: it stays outside for now and tries them all again later.
        view.failedDonors.clear();
        continue;
      }
      const donor = untried[0];
      this.#note("joiner-loads");
      view.loading = { position: boundary.position, donor };
      view.position = undefined;
      view.prepared = undefined;
      isLoading = true;
      if (donor !== undefined) this.#send(donor, { kind: "serve", position: boundary.position, receiver: worker });
      this.#send(worker, { kind: "load", position: boundary.position, donor });
    }
    return isLoading;
  }

  #isEvaluationDue(step: Step): boolean {
    const { history, validateEvery, steps, validationLeaves } = this.#settings;
    if (validationLeaves === 0 || step < history.committed || history.isEvaluated(step)) return false;
    return step === steps || isDue(step, validateEvery);
  }

  #isCheckpointDue(step: Step): boolean {
    const { history, checkpointEvery } = this.#settings;
    return step >= history.committed && step > history.stored.step && isDue(step, checkpointEvery);
  }

  /** True when the evaluation is done or not due. Its leaves are shared out, and asked of another when a worker is lost. */
  #evaluate(boundary: Boundary, members: readonly WorkerId[]): boolean {
    if (boundary.done.has("evaluation") || !this.#isEvaluationDue(boundary.position.step)) return true;
    boundary.evaluation ??= { tallies: new Map(), askedOf: new Map() };
    const { tallies, askedOf } = boundary.evaluation;
    const missing = Array.from({ length: this.#settings.validationLeaves }, (_, leaf) => leaf).filter((leaf) => !tallies.has(leaf));
    if (missing.length === 0) {
      const inOrder = [...tallies].sort(([a], [b]) => a - b).map(([, tally]) => tally);
      this.#effects.push({ kind: "reportEvaluation", position: boundary.position, tally: inOrder.reduce(addTallies) });
      boundary.done.add("evaluation");
      return true;
    }
    const unasked = missing.filter((leaf) => {
      const asked = askedOf.get(leaf);
      return asked === undefined || !members.includes(asked);
    });
    members.forEach((worker, i) => {
      const leaves = unasked.filter((_, j) => j % members.length === i);
      for (const leaf of leaves) askedOf.set(leaf, worker);
      if (leaves.length > 0) this.#send(worker, { kind: "evaluate", position: boundary.position, leaves });
    });
    return false;
  }

  #writeSamples(boundary: Boundary, members: readonly WorkerId[]): boolean {
    const { sampleEvery, steps, history } = this.#settings;
    const { step } = boundary.position;
    const isWanted = step >= history.committed && (isDue(step, sampleEvery) || step === steps);
    if (boundary.done.has("samples") || !isWanted) return true;
    const [worker] = members;
    if (worker !== undefined && (boundary.sampling === undefined || !members.includes(boundary.sampling))) {
      boundary.sampling = worker;
      this.#send(worker, { kind: "sample", position: boundary.position });
    }
    return false;
  }

  #takeSamples(worker: WorkerId, position: Position, samples: readonly Sample[]): void {
    if (this.#phase.kind !== "boundary" || this.#phase.sampling !== worker || !samePosition(this.#phase.position, position)) return;
    this.#phase.done.add("samples");
    this.#effects.push({ kind: "reportSamples", position, samples });
  }

  /** Asks a member for a checkpoint. Steps go on while it is sent; only the end of the run waits for it. */
  #checkpoint(boundary: Boundary, members: readonly WorkerId[]): boolean {
    const { position } = boundary;
    const isLast = position.step >= this.#settings.steps || this.#stopRequested;
    const isWanted = isLast ? position.step > this.#settings.history.stored.step : this.#isCheckpointDue(position.step);
    if (!isWanted || boundary.done.has("checkpoint")) return true;
    if (boundary.checkpoint === undefined || !members.includes(boundary.checkpoint.from)) {
      const from = present(members[0], "a boundary at work has members");
      boundary.checkpoint = { from };
      this.#effects.push({ kind: "receiveCheckpoint", position, worker: from });
      this.#send(from, { kind: "serve", position, receiver: undefined });
    }
    return !isLast;
  }

  #endCheckpoint(worker: WorkerId, position: Position, isStored: boolean): void {
    if (this.#phase.kind !== "boundary" || this.#phase.checkpoint?.from !== worker) return;
    if (!samePosition(this.#phase.position, position)) return;
    if (isStored) this.#phase.done.add("checkpoint");
    // The end of the run waits for a whole one: it is asked for again.
    else this.#phase.checkpoint = undefined;
  }

  #finish(position: Position, isComplete: boolean): void {
    this.#phase = { kind: "over" };
    for (const worker of this.#workers.keys())
      this.#send(worker, { kind: "stop", reason: isComplete ? "the run is finished" : "the run is stopped" });
    this.#effects.push({ kind: "finish", position, isComplete });
  }

  #fail(code: ClusterFailure, what: string): void {
    this.#phase = { kind: "over" };
    for (const worker of this.#workers.keys()) this.#send(worker, { kind: "stop", reason: what });
    this.#effects.push({ kind: "fail", code, what });
  }

  #send(worker: WorkerId, message: CoordinatorMessage): void {
    this.#effects.push({ kind: "send", worker, message });
  }

  #note(transition: ClusterTransition): void {
    this.#effects.push({ kind: "note", transition });
  }
}

function isDue(step: Step, every: Step): boolean {
  return every > 0 && step > 0 && step % every === 0;
}

function samePosition(a: Position | undefined, b: Position | undefined): boolean {
  return a !== undefined && b !== undefined && a.step === b.step && a.lineage === b.lineage;
}

function samePrepared(a: PreparedStep, b: PreparedStep): boolean {
  return a.digest === b.digest && Object.is(a.sumOfSquares, b.sumOfSquares) && JSON.stringify(a.tally) === JSON.stringify(b.tally);
}

function isPlanned(pair: readonly [WorkerId, WorkerId], { members }: Plan): boolean {
  return pair.every((id) => members.some((m) => m.worker === id));
}

function pairName(a: WorkerId, b: WorkerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}

function commitOf(record: CommittedStep, hold: boolean): CoordinatorMessage {
  const { step, averageDigest, scalars, isSkipped, lineage } = record;
  return { kind: "commit", step, digest: averageDigest, scalars, isSkipped, lineageAfter: lineage, hold };
}
