/**
 * The mixture: how often each language is drawn. Weights are integers that sum to 65,536, and draw t belongs to the
 * language that owns slot bitReverse16(t mod 65,536): the van der Corput sequence, which spreads every language evenly
 * over any stretch of draws and makes the count of a language up to any draw arithmetic.
 */
import { exp, log } from "../base/approximate.ts";
import { assert, present } from "../base/assert.ts";
import type { Config } from "../config/options.ts";

export type MixtureConfig = Pick<Config, "mixture.kind" | "mixture.epochs" | "mixture.temperature">;

export interface Mixture {
  /** Slots of each language, in the manifest's order; they sum to 65,536. */
  readonly weights: readonly number[];
  /** Index of the language of draw t. */
  languageOf(draw: number): number;
  /** How many of the draws 0 … draw − 1 are of the language. */
  countBefore(language: number, draw: number): number;
}

export const slots = 65_536;

/** The mixture of languages with `sizes` sequences each, whose budgets are computed for `budget` sequences. */
export function mixtureOf(config: MixtureConfig, sizes: readonly number[], budget: number): Mixture {
  return mixtureOfWeights(integerWeights(shares(config, sizes, budget)));
}

export function mixtureOfWeights(weights: readonly number[]): Mixture {
  const starts = [0];
  for (const weight of weights) starts.push(present(starts.at(-1), "starts with 0") + weight);
  assert(starts.at(-1) === slots, "the weights of a mixture sum to 65,536");
  const startOf = (language: number): number => present(starts[language], "a language of the mixture");
  return {
    weights,
    languageOf(draw) {
      const slot = bitReverse16(draw % slots);
      let low = 0;
      for (let high = weights.length; high - low > 1; ) {
        const middle = (low + high) >> 1;
        if (slot < startOf(middle)) high = middle;
        else low = middle;
      }
      return low;
    },
    countBefore(language, draw) {
      const start = startOf(language);
      const end = startOf(language + 1);
      const rest = draw % slots;
      return Math.floor(draw / slots) * (end - start) + reversedBelow(rest, end) - reversedBelow(rest, start);
    },
  };
}

/** Shares to draw by, in any unit: sequences for UniMax (Chung et al. 2023, algorithm 1). */
function shares(config: MixtureConfig, sizes: readonly number[], budget: number): readonly number[] {
  switch (config["mixture.kind"]) {
    case "proportional":
      return sizes;
    case "temperature":
      // Divided by the largest first, so that the power stays in range.
      return sizes.map((size) => exp(log(size / Math.max(...sizes)) / config["mixture.temperature"]));
    case "unimax": {
      const result = sizes.map(() => 0);
      const ascending = sizes.map((size, language) => ({ size, language })).sort((a, b) => a.size - b.size || a.language - b.language);
      let left = budget;
      ascending.forEach(({ size, language }, taken) => {
        const share = Math.min(left / (sizes.length - taken), config["mixture.epochs"] * size);
        result[language] = share;
        left -= share;
      });
      return result;
    }
  }
}

/** Integers that sum to 65,536: one each, the rest by largest remainder; equal remainders in order of the languages. */
function integerWeights(wanted: readonly number[]): readonly number[] {
  assert(wanted.length > 0 && wanted.length <= slots, "a mixture has 1 to 65,536 languages");
  const sum = wanted.reduce((total, share) => total + share, 0);
  const exact = wanted.map((share) => (sum > 0 ? (share / sum) * slots : slots / wanted.length));
  const weights = exact.map((share) => Math.max(1, Math.floor(share)));
  let left = slots - weights.reduce((total, weight) => total + weight, 0);
  const byRemainder = exact
    .map((share, language) => ({ language, over: share - (weights[language] ?? 0) }))
    .sort((a, b) => b.over - a.over || a.language - b.language);
  for (let i = 0; left > 0; i = (i + 1) % byRemainder.length) {
    const language = byRemainder[i]?.language ?? 0;
    weights[language] = (weights[language] ?? 0) + 1;
    left--;
  }
  // Languages raised to 1 may have taken too many: the largest give back.
  while (left < 0) {
    const largest = weights.indexOf(Math.max(...weights));
    weights[largest] = (weights[largest] ?? 0) - 1;
    left++;
  }
  return weights;
}

export function bitReverse16(value: number): number {
  let v = value;
  v = ((v & 0x5555) << 1) | ((v >> 1) & 0x5555);
  v = ((v & 0x3333) << 2) | ((v >> 2) & 0x3333);
  v = ((v & 0x0f0f) << 4) | ((v >> 4) & 0x0f0f);
  return ((v & 0x00ff) << 8) | (v >> 8);
}

/**
 * How many i < count have bitReverse16(i) < bound. [0, count) falls apart into runs of 2^b numbers, one for each set
 * bit b of count; reversed, a run is an arithmetic progression with difference 2^(16 − b).
 */
function reversedBelow(count: number, bound: number): number {
  let below = 0;
  let base = 0;
  for (let bit = 15; bit >= 0; bit--) {
    if ((count & (1 << bit)) === 0) continue;
    const first = bitReverse16(base);
    const difference = 2 ** (16 - bit);
    below += Math.min(2 ** bit, Math.max(0, Math.ceil((bound - first) / difference)));
    base += 1 << bit;
  }
  return below;
}
