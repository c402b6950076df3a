/**
 * Floating-point operations of a leaf's matrix products: what a model computes that a device is fast at. A multiplication
 * and an addition count as two; the backward pass of a product is two more of its size.
 */
import type { ModelConfig } from "../config/options.ts";
import { modelLayout } from "./parameters.ts";

/** Forward and backward pass of `sequences` sequences. */
export function leafMatrixOperations(config: ModelConfig, vocabulary: number, sequences: number): number {
  const { "model.kind": kind, "model.layers": L, "model.width": D, "model.context": C } = config;
  const rows = sequences * C;
  let products = 0; // multiplications of the forward pass
  for (const { name, size } of modelLayout(config, vocabulary).parameters) {
    // The first step of a recurrent layer has nothing to multiply with.
    if (name.endsWith("/hidden/weight")) products += sequences * (C - 1) * size;
    else if (name.endsWith("/weight") || name === "output") products += rows * size;
    else if (name === "token" && config["model.tied"]) products += rows * size;
  }
  // Scores and mixed values: all pairs of places, those that are masked too.
  if (kind === "transformer") products += L * 2 * sequences * C * C * D;
  return 3 * 2 * products;
}
