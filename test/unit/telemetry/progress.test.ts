/** The time left, on made-up runs. */
import { expect, it } from "vitest";
import { Progress, type Schedule } from "../../../src/telemetry/progress.ts";

const schedule: Schedule = {
  steps: 100,
  leaves: 16,
  validationLeaves: 8,
  sampleTokens: 0,
  validateEvery: 0,
  checkpointEvery: 0,
  sampleEvery: 0,
};

/** A run on a clock of its own. */
class Course {
  readonly progress: Progress;
  now = 1000;
  step = 0;

  constructor(changes: Partial<Schedule> = {}) {
    this.progress = new Progress({ ...schedule, ...changes });
    this.progress.began(this.now, 2);
  }

  steps(count: number, ms: number): this {
    for (let i = 0; i < count; i++) {
      this.now += ms;
      this.progress.committed(this.now, this.step++, 1000);
    }
    return this;
  }

  after(ms: number): number {
    this.now += ms;
    return this.now;
  }
}

it("before the first step: nothing is said", () => {
  const { progress } = new Course();
  expect([progress.secondsLeft, progress.tokensPerSecond]).toEqual([undefined, undefined]);
});

it("equal steps: those that are left, and a forward pass over the validation split at the end", () => {
  const { progress } = new Course().steps(20, 100);
  expect(progress.secondsLeft).toBeCloseTo(8 + (0.1 * 8) / 16 / 3, 6);
  expect(progress.tokensPerSecond).toBeCloseTo(10_000, 6);
});

it("a first step of 30 steps' time: counts for three of them, not for thirty", () => {
  const { progress } = new Course({ validationLeaves: 0 }).steps(1, 3000).steps(19, 100);
  expect(progress.secondsLeft).toBeCloseTo((80 * (19 * 100 + 300)) / 20 / 1000, 6);
});

it("evaluations, samples and checkpoints: as long as the last ones, as often as they are still due", () => {
  const course = new Course({ validateEvery: 10, sampleEvery: 20, checkpointEvery: 20 }).steps(20, 100);
  course.progress.evaluated(course.after(500));
  course.progress.sampled(course.after(2000));
  course.progress.began(course.after(50), 2);
  course.progress.stored(course.now + 400, 20);
  course.steps(1, 100);
  // Steps; evaluations after 30, 40 … 90 and at the end; samples after 40, 60, 80 and at the end; copies; the last checkpoint.
  expect(course.progress.secondsLeft).toBeCloseTo(7.9 + 8 * 0.5 + 4 * 2 + 3 * 0.05 + 0.45, 6);
});

it("a worker that is lost and comes back: what the others did alone says nothing about steps with it", () => {
  const course = new Course({ validationLeaves: 0 }).steps(10, 100);
  course.progress.began(course.after(5000), 1);
  course.steps(5, 200);
  expect(course.progress.secondsLeft).toBeCloseTo(85 * 0.2, 6);
  course.progress.began(course.after(700), 2);
  course.steps(5, 100);
  expect(course.progress.secondsLeft).toBeCloseTo(80 * 0.1, 6);
});

it("a worker that joins: before its first steps the time is guessed from how many share the work", () => {
  const course = new Course({ validationLeaves: 0 }).steps(10, 100);
  course.progress.began(course.now, 4);
  expect(course.progress.secondsLeft).toBeCloseTo(90 * 0.05, 6);
});

it("after the last step: what is still done before the run is finished", () => {
  const course = new Course({ validateEvery: 50 }).steps(50, 100);
  course.progress.evaluated(course.after(500));
  course.progress.began(course.now, 2);
  expect(course.steps(50, 100).progress.secondsLeft).toBeCloseTo(0.5, 6);
});

it("a billion steps with boundaries: said at once", () => {
  const course = new Course({ steps: 1e9, validateEvery: 10, validationLeaves: 16 }).steps(5, 1);
  expect(course.progress.secondsLeft).toBeCloseTo((1e9 - 5) / 1000 + 1e8 / 3000, 0);
});
