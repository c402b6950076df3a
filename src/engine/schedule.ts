/**
 * The scalars of an update: learning rate (linear warm-up, then cosine to a floor, as in nanoGPT) and the powers of
 * AdamW's betas. From base/approximate.ts alone, rounded to float32: the coordinator computes them once for everyone.
 */
import { cos, power } from "../base/approximate.ts";
import type { Step } from "../base/ids.ts";
import type { Config } from "../config/options.ts";
import type { StepScalars } from "../step/lineage.ts";

export function stepScalars(config: Config, step: Step, clipScale: number): StepScalars {
  return {
    rate: Math.fround(rateAt(config, step)),
    beta1Power: Math.fround(power(config["optimizer.beta1"], step + 1)),
    beta2Power: Math.fround(power(config["optimizer.beta2"], step + 1)),
    clipScale: Math.fround(clipScale),
  };
}

/** Learning rate of a step, float64. `optimizer.horizon` 0 stands for `steps`. */
export function rateAt(config: Config, step: Step): number {
  const { "optimizer.rate": highest, "optimizer.rateFloor": floor, "optimizer.warmup": warmup } = config;
  if (step < warmup) return (highest * (step + 1)) / (warmup + 1);
  if (config["optimizer.schedule"] === "constant") return highest;
  const horizon = config["optimizer.horizon"] === 0 ? config.steps : config["optimizer.horizon"];
  if (step >= horizon) return floor;
  const progress = (step - warmup) / (horizon - warmup);
  return floor + 0.5 * (1 + cos(Math.PI * progress)) * (highest - floor);
}
