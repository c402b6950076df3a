/**
 * What must come out, computed the plain way: one undisturbed worker that adds all leaves of each step, with none of
 * the code under test but its definitions of tally, lineage and clipping. Everything a cluster does is held against it.
 */
import { assert } from "../../src/base/assert.ts";
import { compareGenerations, type Digest, type Leaf, type Step, type WorkerId } from "../../src/base/ids.ts";
import { mix } from "../../src/base/random.ts";
import type { ClusterEffect, CommittedStep } from "../../src/coordinator/cluster-events.ts";
import { clipScale } from "../../src/step/arithmetic.ts";
import { averageDigest, firstLineage, nextLineage, type StepScalars } from "../../src/step/lineage.ts";
import { addTallies, type Tally, targetsOf } from "../../src/step/tally.ts";
import type { CoordinatorMessage, Plan, Position, Sample, WorkerMessage } from "../../src/wire/messages.ts";
import { type AverageExpression, describeGradient, type GradientExpression, type StateExpression, sha256 } from "./expression.ts";
import { describeMessage } from "./trace.ts";
import type { World } from "./world.ts";

/** One step of the undisturbed worker. */
interface ReferenceStep {
  readonly state: StateExpression;
  readonly lineage: Digest;
  readonly averages: readonly AverageExpression[];
  readonly averageDigest: Digest;
  readonly scalars: StepScalars;
  readonly isSkipped: boolean;
  readonly tally: Tally;
  readonly stateAfter: StateExpression;
  readonly lineageAfter: Digest;
}

export class Oracle {
  readonly #world: World;
  readonly #steps: ReferenceStep[] = [];
  readonly #names = new Map<Digest, string>();
  readonly #firstLineage: Digest;
  /** Steps reported as committed, in order. */
  readonly reported: Step[] = [];
  readonly evaluated = new Set<Step>();
  readonly sampled = new Set<Step>();
  /** Time until which a worker may rightly be thought dead or unreachable. */
  readonly #disturbedUntil = new Map<string, number>();
  /** Workers whose report that they prepared the step has reached this coordinator, and still stand by it. */
  readonly #prepared = new Map<WorkerId, Extract<WorkerMessage, { kind: "prepared" }>>();
  #lastPlan: Plan | undefined;

  constructor(world: World) {
    this.#world = world;
    const hex = "0".repeat(64) as Digest; // a digest by form
    this.#firstLineage = firstLineage(sha256, { resultOptions: "{}", manifest: hex, numericClass: hex, seed: 1 });
    this.#names.set(this.#firstLineage, "L0");
  }

  // ---- the undisturbed worker

  lineageAt(step: Step): Digest {
    return step === 0 ? this.#firstLineage : this.#step(step - 1).lineageAfter;
  }

  stateAt(step: Step): StateExpression {
    return step === 0 ? this.#world.algebra.initial : this.#step(step - 1).stateAfter;
  }

  leafTally(step: Step, leaf: Leaf): Tally {
    return tallyOf(mix(step + 1, leaf + 1));
  }

  evaluationTally(step: Step, leaf: number): Tally {
    return tallyOf(mix(step + 1000, leaf + 1));
  }

  /** Σx² of a block's average: some number that is a function of it, or NaN. */
  sumOfSquaresOf(step: Step, average: AverageExpression): number {
    return this.#world.run.notFinite.has(step) ? Number.NaN : Number.parseInt(average.digest.slice(0, 8), 16) * 1e-9;
  }

  scalarsOf = (step: Step, sumOfSquares: number): StepScalars => ({
    rate: Math.fround(1 / (step + 3)),
    beta1Power: Math.fround(0.9 ** (step + 1)),
    beta2Power: Math.fround(0.99 ** (step + 1)),
    clipScale: clipScale(sumOfSquares, this.#world.run.clipNorm),
  });

  #step(step: Step): ReferenceStep {
    for (let s = this.#steps.length; s <= step; s++) this.#steps.push(this.#compute(s));
    return this.#steps[step] as ReferenceStep; // just made
  }

  #compute(step: Step): ReferenceStep {
    const { algebra, run } = this.#world;
    const state = step === 0 ? algebra.initial : this.#step(step - 1).stateAfter;
    const lineage = this.lineageAt(step);
    const add = (first: Leaf, end: Leaf): { gradient: GradientExpression; tally: Tally } => {
      if (end - first === 1) return { gradient: algebra.leaf(step, first, state), tally: this.leafTally(step, first) };
      const middle = (first + end) / 2;
      const left = add(first, middle);
      const right = add(middle, end);
      return { gradient: algebra.sum(left.gradient, right.gradient), tally: addTallies(left.tally, right.tally) };
    };
    const { gradient, tally } = add(0, run.leaves);
    const averages = Array.from({ length: run.blocks }, (_, block) => algebra.average(block, gradient, targetsOf(tally)));
    const digest = averageDigest(
      sha256,
      averages.map((a) => a.digest),
    );
    const sumOfSquares = averages.reduce((sum, a) => sum + this.sumOfSquaresOf(step, a), 0);
    const isSkipped = !Number.isFinite(sumOfSquares);
    const scalars = this.scalarsOf(step, isSkipped ? 0 : sumOfSquares);
    const lineageAfter = nextLineage(sha256, lineage, digest, scalars, isSkipped);
    const stateAfter = isSkipped ? state : algebra.applied(state, averages, scalars);
    this.#names.set(digest, `h${step}`).set(lineageAfter, `L${step + 1}`);
    return { state, lineage, averages, averageDigest: digest, scalars, isSkipped, tally, stateAfter, lineageAfter };
  }

  // ---- what a cluster does

  checkAverage(worker: WorkerId, step: Step, block: number, average: AverageExpression): void {
    const want = this.#step(step).averages[block];
    assert(
      average === want,
      `${worker} averaged block ${block} of step ${step} as ${describeGradient(average.sum)} / ${average.targets} and not ${want === undefined ? "?" : `${describeGradient(want.sum)} / ${want.targets}`}`,
    );
  }

  checkApplied(worker: WorkerId, step: Step, state: StateExpression): void {
    assert(this.#world.disk.log.length > step, `${worker} applied step ${step}, which is not in the log`);
    assert(state === this.stateAt(step + 1), `${worker} has ${state.text} after step ${step} and not ${this.stateAt(step + 1).text}`);
  }

  checkState(worker: WorkerId, position: Position, state: StateExpression | undefined, what: string): void {
    assert(position.lineage === this.lineageAt(position.step), `${worker} ${what} a state of another lineage at step ${position.step}`);
    assert(state === this.stateAt(position.step), `${worker} ${what} ${state?.text ?? "nothing"} as the state of step ${position.step}`);
  }

  checkRecord(record: CommittedStep): void {
    const { step } = record;
    const want = this.#step(step);
    assert(step === this.#world.disk.log.length, `step ${step} is appended to a log of ${this.#world.disk.log.length} steps`);
    assert(record.averageDigest === want.averageDigest, `step ${step} is committed with another average`);
    assert(record.lineageBefore === want.lineage && record.lineage === want.lineageAfter, `step ${step} breaks the chain of lineage`);
    assert(record.isSkipped === want.isSkipped, `step ${step} is ${record.isSkipped ? "" : "not "}skipped`);
    assert(JSON.stringify(record.scalars) === JSON.stringify(want.scalars), `step ${step} has other scalars`);
    assert(JSON.stringify(record.tally) === JSON.stringify(want.tally), `step ${step} counts other samples`);
    assert(record.leafWorkers.length === this.#world.run.leaves, `step ${step} lacks a worker for a leaf`);
    assert(
      record.leafWorkers.every((worker) => worker !== undefined),
      `step ${step} lacks a worker for a leaf`,
    );
    assert(record.computations.length === this.#world.run.leaves, `step ${step} lacks the computations of a leaf`);
  }

  checkSent(worker: WorkerId, message: CoordinatorMessage): void {
    if (message.kind !== "commit") return;
    assert(this.#world.disk.log.length > message.step, `${worker} is sent commit ${message.step} before its record is on disk`);
    assert(message.digest === this.#step(message.step).averageDigest, `${worker} is sent another average of step ${message.step}`);
  }

  /** Whatever a coordinator hears, before it hears it. */
  heard(worker: WorkerId, message: WorkerMessage): void {
    if (message.kind === "prepared") this.#prepared.set(worker, message);
    if (message.kind === "ready") this.#prepared.delete(worker);
  }

  gone(worker: WorkerId): void {
    this.#prepared.delete(worker);
  }

  coordinatorStarted(): void {
    this.#prepared.clear();
    this.#lastPlan = undefined;
  }

  checkPlan(plan: Plan): void {
    const { leaves, blocks } = this.#world.run;
    const isOnce = (numbers: readonly number[], count: number) =>
      numbers.length === count && numbers.toSorted((a, b) => a - b).every((n, i) => n === i);
    assert(
      isOnce(
        plan.members.flatMap((m) => m.leaves),
        leaves,
      ),
      "a plan gives each leaf to one member",
    );
    assert(
      isOnce(
        plan.members.flatMap((m) => m.blocks),
        blocks,
      ),
      "a plan gives each block to one member",
    );
    const last = this.#lastPlan;
    if (plan.finishFrom.length === 0 && last !== undefined)
      for (const { worker } of plan.members) {
        const prepared = this.#prepared.get(worker);
        const isKept = prepared?.step === plan.step && compareGenerations(prepared.generation, last.generation) === 0;
        assert(!isKept, `step ${plan.step} is done again although ${worker} has prepared it`);
      }
    this.#lastPlan = plan;
    this.#prepared.clear();
  }

  checkEffect(effect: ClusterEffect): void {
    switch (effect.kind) {
      case "reportStep":
        assert(effect.record.step > (this.reported.at(-1) ?? -1), `step ${effect.record.step} is reported again`);
        this.reported.push(effect.record.step);
        return;
      case "reportEvaluation":
        return this.#checkEvaluation(effect.position, effect.tally);
      case "reportSamples":
        return this.#checkSamples(effect.position, effect.samples);
      case "fail":
        throw new Error(`the coordinator gives up: ${effect.code}: ${effect.what}`);
      default:
    }
  }

  #checkEvaluation(position: Position, tally: Tally): void {
    const { validationLeaves } = this.#world.run;
    const leaves = Array.from({ length: validationLeaves }, (_, leaf) => this.evaluationTally(position.step, leaf));
    assert(JSON.stringify(tally) === JSON.stringify(leaves.reduce(addTallies)), `the evaluation at step ${position.step} is another`);
    this.evaluated.add(position.step);
  }

  #checkSamples(position: Position, samples: readonly Sample[]): void {
    assert(samples[0]?.text === this.stateAt(position.step).digest, `the samples at step ${position.step} are another state's`);
    this.sampled.add(position.step);
  }

  // ---- who may be evicted

  disturb(name: string, untilMs: number): void {
    this.#disturbedUntil.set(name, Math.max(this.#disturbedUntil.get(name) ?? 0, untilMs));
  }

  checkEviction(worker: WorkerId, reason: string): void {
    if (reason === "it leaves" || reason.endsWith("it may come back later")) return;
    const pair = / between (\S+) and (\S+) /.exec(reason);
    const names = pair === null ? [worker] : [pair[1] ?? "", pair[2] ?? ""];
    assert(
      names.some((name) => (this.#disturbedUntil.get(name) ?? 0) >= this.#world.clock.now),
      `${worker} is evicted (${reason}) though nothing was wrong with it`,
    );
  }

  // ---- the end

  checkEnd(): void {
    const { run, disk } = this.#world;
    assert(disk.log.length === run.steps, `the log has ${disk.log.length} of ${run.steps} steps`);
    disk.log.forEach((record, step) => {
      assert(record.step === step, `record ${step} is of step ${record.step}`);
      assert(record.lineageBefore === this.lineageAt(step), `record ${step} breaks the chain of lineage`);
    });
    const counted = disk.log.map((r) => r.tally).reduce(addTallies);
    const want = disk.log.map((_, step) => this.#step(step).tally).reduce(addTallies);
    assert(JSON.stringify(counted) === JSON.stringify(want), "the ledger counts other samples");
    assert(disk.checkpoint.position.step === run.steps, `the last checkpoint is of step ${disk.checkpoint.position.step}`);
    assert(disk.checkpoint.state === this.stateAt(run.steps), "the last checkpoint has another state");
    assert(run.validationLeaves === 0 || disk.evaluated.has(run.steps), "the last state was not evaluated");
  }

  describe(message: unknown): string {
    return describeMessage(message as Parameters<typeof describeMessage>[0], this.#world.run.leaves, this.nameOf);
  }

  nameOf = (digest: Digest): string => this.#names.get(digest) ?? digest.slice(0, 6);
}

/** Some languages with some losses whose sum depends on the order of adding. */
function tallyOf(word: number): Tally {
  const entry = (language: number, salt: number) => ({
    language,
    sequences: 1 + (mix(word, salt) % 2),
    targets: 5 + (mix(word, salt + 1) % 7),
    bytes: 9 + (mix(word, salt + 2) % 30),
    lossNats: (mix(word, salt + 3) % 100_000) / 7919,
  });
  return word % 3 === 0 ? [entry(0, 10), entry(2, 20)] : [entry(word % 3, 30)];
}
