/**
 * Which sequences a leaf of a step reads: a function of (manifest, seed, mixture, step, leaf) and of nothing that was
 * read before. Step s takes the draws [s·D, (s+1)·D), D = leaves × sequences, sorted stably by language, so the samples of
 * a step are, language after language, the next ones of each: counting replaces drawing.
 */
import { assert, present } from "../base/assert.ts";
import { BabelgradError } from "../base/errors.ts";
import type { Leaf, Step } from "../base/ids.ts";
import type { Config } from "../config/options.ts";
import type { Manifest, ShardEntry } from "./manifest.ts";
import { type Mixture, type MixtureConfig, mixtureOf, slots } from "./mixture.ts";
import { sampleOrder } from "./sample-order.ts";

export type SampleConfig = MixtureConfig &
  Pick<Config, "seed" | "steps" | "mixture.budget" | "model.context" | "step.leaves" | "step.sequences">;

/** One sequence to read. */
export interface Sample {
  /** Index of the language in the manifest. */
  readonly language: number;
  /** Sequence k of the language's training shard: tokens [kC, kC + C]. */
  readonly sequence: number;
  readonly epoch: number;
}

export interface StepSamples {
  readonly mixture: Mixture;
  /** Sequences in each language's training shard. */
  readonly sizes: readonly number[];
  /** The samples of one leaf, `step.sequences` of them. */
  samplesOfLeaf(step: Step, leaf: Leaf): readonly Sample[];
  /** The ledger: samples of each language that the steps before `step` count. */
  counts(step: Step): readonly number[];
}

export function stepSamples(config: SampleConfig, manifest: Manifest): StepSamples {
  const leaves = config["step.leaves"];
  const sequences = config["step.sequences"];
  const draws = leaves * sequences;
  const sizes = manifest.languages.map(({ train }) => sequencesOf(train, config["model.context"]));
  const mixture = mixtureOf(config, sizes, budgetOf(config));
  const counts = (step: Step): readonly number[] => sizes.map((_, language) => mixture.countBefore(language, step * draws));
  const orders = new Map<number, { readonly epoch: number; readonly at: (index: number) => number }>();
  const orderOf = (language: number, epoch: number): ((index: number) => number) => {
    let order = orders.get(language);
    if (order?.epoch !== epoch) {
      const { language: code } = present(manifest.languages[language], "a language of the manifest");
      order = { epoch, at: sampleOrder(config.seed, code, epoch, sizes[language] ?? 0) };
      orders.set(language, order);
    }
    return order.at;
  };
  return {
    mixture,
    sizes,
    counts,
    samplesOfLeaf(step, leaf) {
      assert(leaf >= 0 && leaf < leaves, `leaf ${leaf} of ${leaves}`);
      const before = counts(step);
      const after = counts(step + 1);
      const samples: Sample[] = [];
      // Places of the step's sorted samples: this leaf has [from, to), the language at hand starts at `start`.
      const from = leaf * sequences;
      const to = from + sequences;
      let start = 0;
      sizes.forEach((size, language) => {
        const first = before[language] ?? 0;
        const end = start + (after[language] ?? 0) - first;
        for (let place = Math.max(from, start); place < Math.min(to, end); place++) {
          const index = first + place - start;
          const epoch = Math.floor(index / size);
          samples.push({ language, sequence: orderOf(language, epoch)(index % size), epoch });
        }
        start = end;
      });
      assert(samples.length === sequences, "a leaf has all its sequences");
      return samples;
    },
  };
}

/** Sequences of a shard: every token but the first is a target once; the last sequence may be short. */
export function sequencesOf(shard: ShardEntry, context: number): number {
  return Math.ceil((shard.tokens - 1) / context);
}

/** Sequences that UniMax's budgets are computed for. */
export function budgetOf(config: Pick<SampleConfig, "steps" | "mixture.budget" | "step.leaves" | "step.sequences">): number {
  return config["mixture.budget"] || config.steps * config["step.leaves"] * config["step.sequences"];
}

/**
 * Refuses steps that need more than `mixture.epochs` passes over a language. Weights are whole 65,536ths and draws are
 * spread, not dealt, so a language may pass its cap by T / 65,536 + 16 of T draws.
 *
 * @throws BabelgradError `epochs-exceeded` naming both, and the steps that would do
 */
export function checkEpochs(config: SampleConfig, manifest: Manifest): void {
  const { mixture, sizes } = stepSamples(config, manifest);
  const draws = config["step.leaves"] * config["step.sequences"];
  const excess = (steps: number): { language: number; epochs: number } | undefined => {
    const slack = (steps * draws) / slots + 16;
    const over = sizes
      .map((size, language) => ({ language, size, count: mixture.countBefore(language, steps * draws) }))
      .filter(({ size, count }) => count > config["mixture.epochs"] * size + slack)
      .map(({ language, size, count }) => ({ language, epochs: count / size }));
    return over.sort((a, b) => b.epochs - a.epochs)[0];
  };
  const worst = excess(config.steps);
  if (worst === undefined) return;
  let fits = 0;
  for (let tooMany = config.steps; tooMany - fits > 1; ) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (excess(middle) === undefined) fits = middle;
    else tooMany = middle;
  }
  const epochs = worst.epochs.toFixed(2);
  const code = present(manifest.languages[worst.language], "a language of the manifest").language;
  throw new BabelgradError(
    "epochs-exceeded",
    `steps: ${config.steps} reads ${code} ${epochs} times, mixture.epochs: ${config["mixture.epochs"]} allows fewer`,
    { steps: String(fits), epochs: String(Math.ceil(worst.epochs)), language: code },
  );
}
