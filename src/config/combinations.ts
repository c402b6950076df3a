/** Values that are right alone and impossible together: which, and why. */
import type { Config, OptionPath } from "./options.ts";

export interface Conflict {
  readonly options: readonly [OptionPath, OptionPath];
  readonly why: string;
}

const rules: readonly (Conflict & { readonly isBroken: (config: Config) => boolean })[] = [
  {
    options: ["model.width", "model.heads"],
    why: "each attention head gets an equal part of the width, so heads must divide it",
    isBroken: (c) => c["model.kind"] === "transformer" && c["model.width"] % c["model.heads"] !== 0,
  },
  {
    options: ["optimizer.rateFloor", "optimizer.rate"],
    why: "the schedule falls from the rate to the floor, so the floor must not be above it",
    isBroken: (c) => c["optimizer.rateFloor"] > c["optimizer.rate"],
  },
  {
    options: ["optimizer.warmup", "optimizer.horizon"],
    why: "the schedule would reach its end before the warm-up does",
    isBroken: (c) => c["optimizer.horizon"] > 0 && c["optimizer.warmup"] > c["optimizer.horizon"],
  },
  {
    options: ["net.host", "net.insecure"],
    why: "beyond this machine the connections would be unencrypted; allow that with net.insecure where the network is trusted",
    isBroken: (c) => !c["net.insecure"] && !isLoopback(c["net.host"]),
  },
  {
    options: ["engine.threads", "engine.backend"],
    why: "WebAssembly computes with one thread",
    isBroken: (c) => c["engine.threads"] > 1 && c["engine.backend"] === "wasm",
  },
  {
    options: ["net.timeoutMs", "net.heartbeatMs"],
    why: "one late heartbeat would already count as a loss; the timeout must be at least twice the heartbeat",
    isBroken: (c) => c["net.timeoutMs"] < 2 * c["net.heartbeatMs"],
  },
];

/** The first rule that the configuration breaks. */
export function impossibleCombination(config: Config): Conflict | undefined {
  return rules.find((rule) => rule.isBroken(config));
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
