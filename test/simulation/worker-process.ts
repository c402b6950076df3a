/** A worker without sockets and tensors: what the production shell does around the member machine, in virtual time. */
import { assert, present, unreachable } from "../../src/base/assert.ts";
import { compareGenerations, type Generation, type WorkerId } from "../../src/base/ids.ts";
import type { CoordinatorMessage, Frame, Plan, Position, WorkerMessage } from "../../src/wire/messages.ts";
import type { MemberEffect, MemberEvent } from "../../src/worker/member-events.ts";
import { type AverageExpression, type GradientExpression, type StateExpression, sha256 } from "./expression.ts";
import { type End, Link } from "./link.ts";
import { Process } from "./process.ts";
import { subtree } from "./trace.ts";
import { Trainer } from "./trainer.ts";
import { type BlockValues, giveBack, type Partial, readBlock, viewOf } from "./values.ts";
import type { World } from "./world.ts";

type Event = MemberEvent<Partial, BlockValues>;
type Effect = MemberEffect<Partial, BlockValues>;
export type ControlLink = Link<CoordinatorMessage | WorkerMessage>;
type PeerLink = Link<Frame<BlockValues>>;

/** Transitions of every step, which a trace shows by what they do. */
const everyday: ReadonlySet<string> = new Set(["step-started", "prepared", "applied", "partials-resent", "averages-served"]);

/** Attempts to reach a peer before the coordinator hears of it. */
const dialsBeforeReport = 3;
/** How often a worker knocks again, and how often a transfer looks for progress. */
const retryMs = 100;

export class WorkerProcess extends Process {
  readonly id: WorkerId;
  readonly trainer: Trainer;
  /** States copied for joiners. */
  readonly served = new Map<WorkerId, { readonly position: Position; readonly state: StateExpression | undefined }>();
  readonly links = new Map<WorkerId, { readonly link: PeerLink; readonly end: 0 | 1 }>();
  readonly #world: World;
  readonly #member;
  readonly #events: Event[] = [];
  #isTaking = false;
  #control: ControlLink | undefined;
  #generation: Generation | undefined;
  #routes = new Set<WorkerId>();
  readonly #dials = new Map<WorkerId, number>();
  /** The transfer under way; a new one replaces it. */
  #load: object | undefined;

  constructor(world: World, id: WorkerId) {
    super(id);
    this.id = id;
    this.#world = world;
    this.trainer = new Trainer(world, this);
    const { leaves, blocks } = world.run;
    this.#member = world.machines.member({ self: id, leaves, blocks, sha256, blockOf: viewOf });
  }

  get position(): Position | undefined {
    return this.#member.position;
  }

  get isConnected(): boolean {
    return this.#control !== undefined;
  }

  get isLoading(): boolean {
    return this.#load !== undefined;
  }

  get control(): ControlLink | undefined {
    return this.#control;
  }

  start(): void {
    this.#connect();
    this.#beat();
  }

  override die(): void {
    super.die();
    this.#control?.close(0);
    for (const { link, end } of this.links.values()) link.close(end);
  }

  override pause(): void {
    super.pause();
    // Its peers miss the pings: they close, it finds out when it wakes.
    const { clock, run } = this.#world;
    clock.after(run.pingTimeoutMs, () => {
      if (!this.isPaused || !this.isAlive) return;
      for (const { link } of this.links.values()) link.breakDown();
    });
  }

  // ---- the coordinator

  #connect(): void {
    const { clock, pace } = this.#world;
    clock.after(pace.dialMs(), () =>
      this.post(() => {
        const coordinator = this.#world.coordinator;
        const isReachable = coordinator?.isAlive === true && !coordinator.isPaused && !this.#world.isCut(this.id, "coordinator");
        if (coordinator === undefined || !isReachable) return clock.after(retryMs, () => this.#connect());
        const end: End<CoordinatorMessage | WorkerMessage> = {
          process: this,
          take: (message) => this.#control === link && this.#hear(message as CoordinatorMessage), // what a coordinator sends
          closed: () => this.#control === link && this.#disconnected(),
        };
        const link: ControlLink = new Link(this.#world.air, [end, coordinator.endFor(this.id, () => link)]);
        coordinator.accept(this.id, link);
        this.#control = link;
        for (const [peer, dials] of this.#dials) if (dials >= dialsBeforeReport) this.#send({ kind: "linkDown", peer });
        this.#take({ kind: "connected" });
      }),
    );
  }

  #disconnected(): void {
    this.#control = undefined;
    this.#world.trace(() => `${this.id} has lost the coordinator`);
    this.#world.clock.after(this.#world.pace.reconnectMs(), () => this.#connect());
  }

  /** The coordinator is silent for too long: it may be stopped. */
  coordinatorSilent(): void {
    this.#control?.breakDown();
  }

  #hear(message: CoordinatorMessage): void {
    if (message.kind === "heartbeat") return;
    this.#world.trace(() => `coordinator -> ${this.id} ${this.#world.oracle.describe(message)}`);
    if (message.kind === "plan") this.#world.observer.moment("plan-received", this.id);
    if (message.kind === "commit") this.#world.observer.moment("commit-received", this.id);
    this.#take({ kind: "messageReceived", message });
  }

  #send(message: WorkerMessage): void {
    if (message.kind === "prepared") this.#world.observer.moment("prepared-sent", this.id);
    this.#control?.send(0, message);
  }

  #beat(): void {
    this.#world.clock.after(this.#world.run.timeoutMs / 4, () => {
      if (!this.isAlive) return;
      if (!this.isPaused) this.#send({ kind: "heartbeat", phase: "idle" });
      this.#beat();
    });
  }

  /** Something that was delivered before comes once more. */
  takeAgain(from: WorkerId | "coordinator", message: CoordinatorMessage | Frame<BlockValues>): void {
    this.#world.trace(() => `${from} -> ${this.id} again: ${this.#world.oracle.describe(message)}`);
    if (message.kind === "partial" || message.kind === "average") {
      if (from !== "coordinator") this.#take({ kind: "frameReceived", from, frame: message });
    } else this.#take({ kind: "messageReceived", message });
  }

  leave(): void {
    this.#send({ kind: "leaving" });
  }

  // ---- peers

  #route(plan: Plan): void {
    this.#generation = plan.generation;
    this.#routes = new Set(plan.members.map((m) => m.worker).filter((id) => id !== this.id));
    for (const [peer, { link, end }] of [...this.links])
      if (!this.#routes.has(peer)) {
        link.close(end);
        this.#linkClosed(peer, link);
      }
    for (const peer of this.#dials.keys()) if (!this.#routes.has(peer)) this.#dials.delete(peer);
    for (const peer of this.#routes) this.#dial(peer);
  }

  /** The lower name dials. */
  #dial(peer: WorkerId): void {
    if (this.id > peer || this.links.has(peer) || this.#dials.has(peer)) return;
    this.#dials.set(peer, 0);
    this.#knock(peer);
  }

  #knock(peer: WorkerId): void {
    const { clock, pace } = this.#world;
    clock.after(pace.dialMs(), () =>
      this.post(() => {
        const dials = this.#dials.get(peer);
        if (dials === undefined || this.links.has(peer)) return;
        const other = this.#world.workers.get(peer);
        if (other?.accepts(this.id) === true) {
          this.#dials.delete(peer);
          this.#open(other);
          this.#send({ kind: "linkUp", peer });
          return;
        }
        this.#dials.set(peer, dials + 1);
        if (dials + 1 === dialsBeforeReport) this.#send({ kind: "linkDown", peer });
        clock.after(retryMs, () => this.#knock(peer));
      }),
    );
  }

  accepts(from: WorkerId): boolean {
    if (!this.isAlive || this.isPaused || this.#world.isCut(this.id, from)) return false;
    return !this.#world.run.acceptsPlannedOnly || this.#routes.has(from);
  }

  #open(other: WorkerProcess): void {
    const link: PeerLink = new Link(this.#world.air, [this.#endOf(other.id, () => link), other.#endOf(this.id, () => link)]);
    other.#attach(this.id, link, 1);
    this.#attach(other.id, link, 0);
  }

  #attach(peer: WorkerId, link: PeerLink, end: 0 | 1): void {
    // The machine hears of the end of the link before before it hears of the new one.
    const before = this.links.get(peer);
    if (before !== undefined) {
      before.link.close(before.end);
      this.#linkClosed(peer, before.link);
    }
    this.links.set(peer, { link, end });
    this.#world.trace(() => `${this.id} has a link to ${peer}`);
    this.#world.observer.moment("link-opened", this.id);
    this.#take({ kind: "linkOpened", peer });
  }

  #endOf(peer: WorkerId, link: () => PeerLink): End<Frame<BlockValues>> {
    return {
      process: this,
      take: (frame) => {
        if (this.links.get(peer)?.link !== link()) return;
        this.#world.trace(() => `${peer} -> ${this.id} ${this.#world.oracle.describe(frame)}`);
        this.#take({ kind: "frameReceived", from: peer, frame });
      },
      closed: () => this.#linkClosed(peer, link()),
    };
  }

  #linkClosed(peer: WorkerId, link: PeerLink): void {
    if (this.links.get(peer)?.link !== link) return;
    this.links.delete(peer);
    this.#world.trace(() => `${this.id} has lost the link to ${peer}`);
    this.#take({ kind: "linkClosed", peer });
    if (this.#routes.has(peer)) this.#dial(peer);
  }

  // ---- the machine

  #take(event: Event): void {
    this.#events.push(event);
    if (this.#isTaking) return;
    this.#isTaking = true;
    for (let next = this.#events.shift(); next !== undefined && this.isAlive; next = this.#events.shift())
      for (const effect of this.#member.step(this.#world.clock.now, next)) this.#carryOut(effect);
    this.#isTaking = false;
    this.#checkBounds();
  }

  /** Nothing that waits in the machine grows beyond two generations of frames and a few messages. */
  #checkBounds(): void {
    const { leaves, blocks } = this.#world.run;
    const bound = 8 + 2 * (leaves + 1) * blocks;
    assert(this.#member.backlog <= bound, `${this.id} keeps ${this.#member.backlog} frames and messages waiting, more than ${bound}`);
  }

  #carryOut(effect: Effect): void {
    const world = this.#world;
    const { pace, oracle, algebra, observer } = world;
    switch (effect.kind) {
      case "send":
        return this.#send(effect.message);
      case "sendFrame": {
        // The link copies a frame when it is handed over.
        const values = readBlock(effect.frame.values, `${this.id} sending to ${effect.to}`);
        const route = this.links.get(effect.to);
        route?.link.send(route.end, { ...effect.frame, values });
        return observer.moment(effect.frame.kind === "partial" ? "partial-sent" : "average-sent", this.id);
      }
      case "setRoutes":
        return this.#route(effect.plan);
      case "refuseFrame":
        throw new Error(`${this.id} refuses a frame of ${effect.from}: ${effect.reason}`);
      case "computeLeaf":
        return this.trainer.call(`leaf ${effect.leaf} of step ${effect.step}`, pace.leafMs(this.id), () => {
          const { step, leaf } = effect;
          world.trace(() => `${this.id} computed leaf ${leaf} of step ${step}`);
          const state = present(this.trainer.state, "a trainer that computes has a state");
          const partial = { gradient: algebra.leaf(step, leaf, state), isReleased: false };
          observer.moment("leaf-computed", this.id);
          this.#take({ kind: "leafComputed", step, leaf, partial, tally: oracle.leafTally(step, leaf) });
        });
      case "addPartials":
        return this.trainer.call(`sum ${effect.subtree} of step ${effect.step}`, pace.smallMs(), () => {
          const { step, left, right } = effect;
          world.trace(() => `${this.id} added ${subtree(world.run.leaves, effect.subtree)} of step ${step}`);
          giveBack(left);
          giveBack(right);
          const partial = { gradient: algebra.sum(left.gradient, right.gradient), isReleased: false };
          this.#take({ kind: "partialsAdded", step, subtree: effect.subtree, partial });
        });
      case "averageBlock":
        return this.#average(effect);
      case "applyUpdate":
        return this.trainer.call(`update of step ${effect.step}`, pace.smallMs(), () => this.#apply(effect));
      case "release":
        return giveBack(effect.partial);
      case "loadState":
        return this.#loadState(effect.position, effect.donor);
      case "serveState":
        return this.trainer.call(`snapshot of step ${effect.position.step}`, pace.smallMs(), () =>
          this.#serve(effect.position, effect.receiver),
        );
      case "evaluateLeaves":
        for (const leaf of effect.leaves)
          this.trainer.call(`evaluation of leaf ${leaf}`, pace.leafMs(this.id), () => {
            oracle.checkState(this.id, effect.position, this.trainer.state, "evaluates");
            observer.moment("leaf-evaluated", this.id);
            this.#take({
              kind: "leafEvaluated",
              position: effect.position,
              leaf,
              tally: oracle.evaluationTally(effect.position.step, leaf),
            });
          });
        return;
      case "writeSamples":
        return this.trainer.call("samples", pace.smallMs(), () => {
          oracle.checkState(this.id, effect.position, this.trainer.state, "writes samples of");
          const text = present(this.trainer.state, "checked above").digest;
          this.#take({ kind: "samplesWritten", position: effect.position, samples: [{ language: "en", text }] });
        });
      case "stop":
        world.trace(() => `${this.id} stops: ${effect.reason}`);
        return this.die();
      case "note":
        if (!everyday.has(effect.transition)) world.trace(() => `${this.id} notes ${effect.transition}`);
        return observer.note(effect.transition);
      default:
        unreachable(effect);
    }
  }

  #average(effect: Extract<Effect, { kind: "averageBlock" }>): void {
    const { clock, pace, oracle, algebra, machines, run } = this.#world;
    const { generation, step, block, targets } = effect;
    // On the main thread, beside the trainer. What an older generation asked for is not done: its memory may be gone.
    clock.after(pace.smallMs(), () =>
      this.post(() => {
        if (this.#generation === undefined || compareGenerations(generation, this.#generation) !== 0) return;
        const parts = new Map<number, GradientExpression>();
        for (const [key, values] of effect.parts) {
          const read = readBlock(values, `${this.id} averaging step ${step}`);
          assert(read.kind === "view" && read.block === block, "an average is made of parts of its block");
          parts.set(key, read.gradient);
        }
        const sum = present(
          machines.fold(run.leaves, parts, (left, right) => algebra.sum(left, right)),
          "the parts of a block make a whole tree",
        );
        const average = algebra.average(block, sum, targets);
        oracle.checkAverage(this.id, step, block, average);
        this.#world.trace(() => `${this.id} averaged block ${block} of step ${step}`);
        this.#take({
          kind: "blockAveraged",
          generation,
          step,
          block,
          values: { kind: "average", block, average },
          digest: average.digest,
          sumOfSquares: oracle.sumOfSquaresOf(step, average),
        });
      }),
    );
  }

  #apply({ step, averages, scalars, isSkipped }: Extract<Effect, { kind: "applyUpdate" }>): void {
    const { oracle, algebra, observer } = this.#world;
    const read = averages.map((values): AverageExpression => {
      assert(values.kind === "average", "an update is made with averages");
      return values.average;
    });
    const before = present(this.trainer.state, "a trainer that updates has a state");
    this.trainer.state = isSkipped ? before : algebra.applied(before, read, scalars);
    oracle.checkApplied(this.id, step, this.trainer.state);
    this.#world.trace(() => `${this.id} applied step ${step}`);
    observer.moment("update-applied", this.id);
    this.#take({ kind: "updateApplied", step });
  }

  // ---- states that travel

  #serve(position: Position, receiver: WorkerId | undefined): void {
    const { oracle, observer, coordinator, clock, pace } = this.#world;
    oracle.checkState(this.id, position, this.trainer.state, "serves");
    const state = present(this.trainer.state, "checked above");
    observer.moment("state-served", this.id);
    if (receiver !== undefined) {
      this.served.set(receiver, { position, state });
      return;
    }
    const link = this.#control;
    clock.after(pace.stateMs(), () => {
      if (this.#control !== link || link?.state !== "open") return;
      coordinator?.checkpointArrived(this.id, position, state);
    });
  }

  #loadState(position: Position, donor: WorkerId | undefined): void {
    const { clock, pace, coordinator } = this.#world;
    const attempt = {};
    this.#load = attempt;
    this.#generation = undefined;
    const source = donor === undefined ? coordinator : this.#world.workers.get(donor);
    const fail = (reason: string): void => {
      if (this.#load !== attempt) return;
      this.#load = undefined;
      this.#take({ kind: "stateLoadFailed", position, reason });
    };
    let part = 0;
    let stalledMs = 0;
    const look = (): void =>
      this.post(() => {
        if (this.#load !== attempt) return;
        if (source?.isAlive !== true) return fail("its source is gone");
        const isReady = !source.isPaused && this.#sourceOf(position, source) !== undefined;
        stalledMs = isReady ? 0 : stalledMs + retryMs;
        if (stalledMs > 2 * this.#world.run.timeoutMs) return fail("nothing comes");
        if (isReady) part++;
        if (part === 2) this.#world.observer.moment("state-half-loaded", donor ?? this.id);
        if (part < 4) return clock.after(isReady ? pace.stateMs() / 4 : retryMs, look);
        this.#load = undefined;
        this.trainer.call("loading", pace.smallMs(), () => {
          if (this.#load !== undefined) return;
          this.trainer.state = this.#sourceOf(position, source);
          this.#world.oracle.checkState(this.id, position, this.trainer.state, "loads");
          this.#world.trace(() => `${this.id} loaded the state of step ${position.step}`);
          this.#world.observer.moment("state-loaded", this.id);
          this.#take({ kind: "stateLoaded", position });
        });
      });
    clock.after(pace.dialMs(), look);
  }

  /** The state that the source has ready for this worker. */
  #sourceOf(position: Position, source: Process): StateExpression | undefined {
    const ready = source instanceof WorkerProcess ? source.served.get(this.id) : this.#world.disk.checkpoint;
    return ready !== undefined && ready.position.lineage === position.lineage ? ready.state : undefined;
  }

  /** For a run that does not go on: what this worker is at. */
  get waiting(): string {
    const place = this.position === undefined ? "no state" : `step ${this.position.step}`;
    const facts = [
      place,
      this.isAlive ? "" : "dead",
      this.isPaused ? "stopped" : "",
      this.isConnected ? "" : "no coordinator",
      this.isLoading ? "loading" : "",
      `links ${[...this.links.keys()].join(" ") || "none"}`,
      `routes ${[...this.#routes].join(" ") || "none"}`,
      `dials ${[...this.#dials.keys()].join(" ") || "none"}`,
      `trainer ${this.trainer.waiting || "idle"}`,
    ];
    return `${this.id}: ${facts.filter((f) => f !== "").join(", ")}`;
  }
}
