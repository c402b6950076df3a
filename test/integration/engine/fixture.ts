/** Small configurations and batches for tests of the engine. */
import { type Config, options } from "../../../src/config/options.ts";
import type { LeafBatch } from "../../../src/data/leaf.ts";

export function configWith(changes: Partial<Config>): Config {
  const defaults = Object.fromEntries(Object.entries(options).map(([path, option]) => [path, option.default]));
  return { ...(defaults as unknown as Config), ...changes }; // one default for every path
}

/** The formulas that bench/reference/golden.py has too. */
export function formulaValues(count: number, factor: number, scale: number): number[] {
  return Array.from({ length: count }, (_, i) => (((i * factor) % 1013) / 1013 - 0.5) * scale);
}

export function formulaBatch(config: Config, vocabulary: number, step: number, leaf = 0): LeafBatch {
  const S = config["step.sequences"];
  const size = S * config["model.context"];
  const tokens = Int32Array.from({ length: size }, (_, i) => (i * 31 + step * 13 + leaf * 5) % vocabulary);
  const targets = tokens.map((token, i) => (i % 7 === 5 ? -1 : (token * 3 + 1) % vocabulary));
  const counts = Int32Array.from({ length: S }, (_, s) => targets.slice((s * size) / S, ((s + 1) * size) / S).filter((t) => t >= 0).length);
  return { step, leaf, tokens, targets, languages: new Int32Array(S), targetCounts: counts, targetBytes: counts };
}
