import { expect, test } from "vitest";
import type { Config } from "../../../src/config/options.ts";
import { rateAt, stepScalars } from "../../../src/engine/schedule.ts";
import { configWith } from "../../integration/engine/fixture.ts";

const config: Config = configWith({
  steps: 2000,
  "optimizer.rate": 1e-3,
  "optimizer.rateFloor": 1e-4,
  "optimizer.warmup": 100,
  "optimizer.beta2": 0.99,
});

/** nanoGPT's get_lr, as written there. */
function nanoGptRate(it: number): number {
  if (it < 100) return (1e-3 * (it + 1)) / (100 + 1);
  if (it > 2000) return 1e-4;
  return 1e-4 + 0.5 * (1 + Math.cos((Math.PI * (it - 100)) / (2000 - 100))) * (1e-3 - 1e-4);
}

test.each([0, 1, 99, 100, 101, 777, 1999, 2000, 2001])("step %i: the rate of nanoGPT's schedule", (step) => {
  expect(rateAt(config, step)).toBeCloseTo(nanoGptRate(step), 15);
});

test("a horizon of its own: the floor is reached there, whatever the number of steps", () => {
  const short = { ...config, "optimizer.horizon": 500 };
  expect(rateAt(short, 500)).toBe(1e-4);
  expect(rateAt(short, 499)).toBeGreaterThan(1e-4);
});

test("a warm-up as long as the horizon: the floor follows at once", () => {
  expect(rateAt({ ...config, "optimizer.horizon": 100 }, 100)).toBe(1e-4);
});

test("a constant schedule: the highest rate after the warm-up", () => {
  expect(rateAt({ ...config, "optimizer.schedule": "constant" }, 5000)).toBe(1e-3);
});

test("the scalars of a step: float32 values, powers count from one", () => {
  const scalars = stepScalars(config, 2, 0.3);
  expect(scalars.beta1Power).toBe(Math.fround(0.9 ** 3));
  expect(scalars.beta2Power).toBe(Math.fround(0.99 ** 3));
  for (const value of Object.values(scalars)) expect(value).toBe(Math.fround(value));
});
