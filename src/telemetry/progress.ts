/**
 * How fast a run goes and how long it still takes. Time is divided into steps and boundaries: a step takes the mean of
 * the last ones that as many workers did undisturbed, and what a boundary takes is measured by what is done at it. Both
 * are multiplied by how many are still to come. What was not seen yet is guessed from the steps.
 */
import type { Millis } from "../base/machine.ts";

/** What a run has to do. */
export interface Schedule {
  readonly steps: number;
  /** Leaves of a step, and of an evaluation. */
  readonly leaves: number;
  readonly validationLeaves: number;
  /** Tokens that the samples of one boundary have. */
  readonly sampleTokens: number;
  readonly validateEvery: number;
  readonly checkpointEvery: number;
  readonly sampleEvery: number;
}

/** What is done at boundaries. Of a checkpoint: the copy; steps go on while it is sent. */
const tasks = ["evaluation", "samples", "checkpoint"] as const;
type Task = (typeof tasks)[number];

/** Steps that a rate is averaged over. */
const rateSteps = 50;
/** Steps that the time of a step is averaged over: many, since the load of a machine comes and goes. */
const meanSteps = 100;
/** Step times that are kept, so that numbers of workers that come and go are remembered. */
const stepTimesMax = 4 * meanSteps;
/** A step that took longer than so many medians was waiting for something else. */
const medians = 3;
/** Steps that make a time; with fewer it is guessed from those that other numbers of workers did. */
const stepsMin = 3;
/** A forward pass is about so much of a leaf's time. */
const forwardShare = 1 / 3;
/** A token of a sample takes about as long as so many targets of a leaf: few rows use a machine badly. */
const targetsOfToken = 6;

export class Progress {
  readonly #schedule: Schedule;
  readonly #committed: { readonly at: Millis; readonly targets: number }[] = [];
  readonly #stepTimes: { readonly took: Millis; readonly workers: number }[] = [];
  readonly #taskTimes = new Map<Task, Millis[]>();
  /** Up to here all time is accounted for. */
  #mark: Millis | undefined;
  /** Steps committed. */
  #done = 0;
  #workers = 1;
  /** Generations since the last commit. */
  #begun = 0;
  /** When the last checkpoint was asked for, and how long it took to be on disk: the end of a run waits for it. */
  #askedAt: Millis | undefined;
  #storing: Millis = 0;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  /** A generation of so many workers begins. */
  began(now: Millis, workers: number): void {
    this.#begun += 1;
    if (this.#begun === 1 && this.#isDue("checkpoint", this.#done)) this.#account("checkpoint", now);
    this.#mark = now;
    this.#workers = workers;
  }

  committed(now: Millis, step: number, targets: number): void {
    // Where somebody came or went the step was begun twice, or waited for a transfer.
    const isBoundary = tasks.some((task) => this.#isDue(task, this.#done));
    const isUndisturbed = this.#begun === 0 || (this.#begun === 1 && (isBoundary || this.#done === 0));
    if (this.#mark !== undefined && isUndisturbed) this.#stepTimes.push({ took: now - this.#mark, workers: this.#workers });
    if (this.#stepTimes.length > stepTimesMax) this.#stepTimes.shift();
    this.#committed.push({ at: now, targets });
    if (this.#committed.length > rateSteps) this.#committed.shift();
    this.#mark = now;
    this.#askedAt = now;
    this.#begun = 0;
    this.#done = step + 1;
  }

  evaluated(now: Millis): void {
    this.#account("evaluation", now);
    this.#askedAt = now;
  }

  sampled(now: Millis): void {
    this.#account("samples", now);
    this.#askedAt = now;
  }

  /** The checkpoint of this step is on disk. */
  stored(now: Millis, step: number): void {
    if (this.#askedAt !== undefined && step === this.#done) this.#storing = now - this.#askedAt;
  }

  /** Targets a second over the last steps; undefined before two of them. */
  get tokensPerSecond(): number | undefined {
    const [first, ...rest] = this.#committed;
    const last = rest.at(-1);
    if (first === undefined || last === undefined) return undefined;
    return rest.reduce((sum, s) => sum + s.targets, 0) / ((last.at - first.at) / 1000);
  }

  /** Seconds from the last commit until the run is finished; undefined before the first step that tells. */
  get secondsLeft(): number | undefined {
    const step = this.#stepTime;
    if (step === undefined) return undefined;
    const { steps } = this.#schedule;
    const boundaries = tasks.reduce((sum, task) => sum + this.#taskTime(task, step) * this.#timesDue(task), 0);
    const end = this.#taskTime("evaluation", step) + this.#taskTime("samples", step) + this.#storing;
    return (step * (steps - this.#done) + boundaries + end) / 1000;
  }

  #account(task: Task, now: Millis): void {
    if (this.#mark !== undefined) this.#taskTimes.set(task, [...(this.#taskTimes.get(task) ?? []).slice(1 - rateSteps), now - this.#mark]);
    this.#mark = now;
  }

  get #stepTime(): Millis | undefined {
    const same = this.#stepTimes.filter(({ workers }) => workers === this.#workers).slice(-meanSteps);
    if (same.length >= stepsMin) return typicalMean(same.map(({ took }) => took));
    const all = this.#stepTimes.slice(-meanSteps);
    return all.length === 0 ? undefined : typicalMean(all.map(({ took, workers }) => (took * workers) / this.#workers));
  }

  #taskTime(task: Task, step: Millis): Millis {
    const seen = this.#taskTimes.get(task);
    if (seen !== undefined) return typicalMean(seen);
    const { leaves, validationLeaves, sampleTokens } = this.#schedule;
    const targets = this.#committed.at(-1)?.targets ?? 1;
    if (task === "evaluation") return (step * forwardShare * validationLeaves) / leaves;
    // One worker writes all samples.
    return task === "samples" ? (step * this.#workers * targetsOfToken * sampleTokens) / targets : 0;
  }

  #isDue(task: Task, step: number): boolean {
    const every = this.#every(task);
    return every > 0 && step > 0 && step < this.#schedule.steps && step % every === 0;
  }

  /** How often it is still to be done, the end not counted. */
  #timesDue(task: Task): number {
    const every = this.#every(task);
    const before = (step: number) => Math.max(0, Math.floor((step - 1) / every));
    return every === 0 ? 0 : Math.max(0, before(this.#schedule.steps) - before(this.#done));
  }

  #every(task: Task): number {
    const { validateEvery, sampleEvery, checkpointEvery } = this.#schedule;
    return task === "evaluation" ? validateEvery : task === "samples" ? sampleEvery : checkpointEvery;
  }
}

/** The mean, in which none counts for more than some medians. */
function typicalMean(times: readonly Millis[]): Millis {
  const sorted = [...times].sort((a, b) => a - b);
  const most = medians * (sorted[sorted.length >> 1] ?? 0);
  return times.reduce((sum, took) => sum + Math.min(took, most), 0) / times.length;
}
