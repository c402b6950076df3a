/**
 * The update on vectors of the host: the same definitions as recorder/update-graph.ts, in the order of operations of
 * TensorFlow's kernels, each rounded to float32. Only + − × ÷ √, so every machine gets the same bits.
 */
import type { Config } from "../../config/options.ts";
import type { Layout } from "../../model/layout.ts";
import type { StepScalars } from "../../step/lineage.ts";
import type { Vectors } from "../compute.ts";

const { fround, sqrt } = Math;

/** Changes the state in place. */
export function update(config: Config, { decayedSize }: Layout, state: Vectors, average: Float32Array, scalars: StepScalars): void {
  const factor = fround(1 - fround(scalars.rate * fround(config["optimizer.decay"])));
  const { weights } = state;
  if (config["optimizer.decay"] > 0) for (let i = 0; i < decayedSize; i++) weights[i] = (weights[i] as number) * factor;
  if (config["optimizer.kind"] === "adamw") adam(config, state, average, scalars);
  else momentum(config, state, average, scalars);
}

/** The correction of both moments is inside the rate; torch's ε stands after it: ε̂ = ε √(1 − β₂ᵗ). */
function adam(config: Config, { weights, moment1, moment2 }: Vectors, average: Float32Array, scalars: StepScalars): void {
  const { rate, beta1Power, beta2Power, clipScale } = scalars;
  const correction = fround(sqrt(fround(1 - beta2Power)));
  const alpha = fround(fround(rate * correction) / fround(1 - beta1Power));
  const epsilon = fround(fround(config["optimizer.epsilon"]) * correction);
  const fresh1 = fround(1 - fround(config["optimizer.beta1"]));
  const fresh2 = fround(1 - fround(config["optimizer.beta2"]));
  for (let i = 0; i < weights.length; i++) {
    const slope = fround((average[i] as number) * clipScale);
    const m = moment1[i] as number;
    const v = moment2[i] as number;
    const first = fround(m + fround(fround(slope - m) * fresh1));
    const second = fround(v + fround(fround(fround(slope * slope) - v) * fresh2));
    moment1[i] = first;
    moment2[i] = second;
    weights[i] = (weights[i] as number) - fround(fround(first * alpha) / fround(fround(sqrt(second)) + epsilon));
  }
}

function momentum(config: Config, { weights, moment1 }: Vectors, average: Float32Array, { rate, clipScale }: StepScalars): void {
  const share = fround(config["optimizer.momentum"]);
  for (let i = 0; i < weights.length; i++) {
    const sum = fround(fround((moment1[i] as number) * share) + fround((average[i] as number) * clipScale));
    moment1[i] = sum;
    weights[i] = (weights[i] as number) - fround(sum * rate);
  }
}
