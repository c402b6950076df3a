/** A language model as the engine sees it: functions of tensors and parameters. */
import type { Tensor, Tensor1D, Tensor2D } from "@tensorflow/tfjs-core";
import type { ModelConfig } from "../config/options.ts";
import type { Dropout } from "./dropout.ts";
import type { Kernels } from "./kernels.ts";
import { lstm } from "./lstm.ts";
import { transformer } from "./transformer.ts";

/** Parameters by name, as tensors of their shapes. */
export type Parameters = <T extends Tensor>(name: string) => T;

/** S sequences, C tokens each, N = S · C rows in that order, D width, V vocabulary. */
export interface Model {
  /** What the output layer reads, one row a token. */
  hidden(parameters: Parameters, tokens_SC: Tensor2D, dropout: Dropout): Tensor2D;
  /** Logits [N, V] of hidden rows [N, D]. */
  output(parameters: Parameters, hidden_ND: Tensor2D): Tensor2D;
  /** Shapes of what is remembered of a text while it is read token by token; all zero before the first. */
  readonly memory: readonly (readonly number[])[];
  /**
   * One more token of a text (int32 [1], as its position): the same row as `hidden` gives for it without dropout, from
   * what is remembered of the tokens before, and what is remembered now.
   */
  next(parameters: Parameters, token_1: Tensor1D, position_1: Tensor1D, memory: readonly Tensor[]): Next;
}

export interface Next {
  readonly hidden_1D: Tensor2D;
  readonly memory: readonly Tensor[];
}

export function createModel(config: ModelConfig, kernels: Kernels): Model {
  switch (config["model.kind"]) {
    case "transformer":
      return transformer(config, kernels);
    case "lstm":
      return lstm(config, kernels);
  }
}
