/**
 * GPT-2's decoder: learned positions, layer norm before each part, causal attention, GELU. Products are of rank 2
 * with the bias beside them, so that TensorFlow fuses both; q, k and v are one product. Read token by token it
 * remembers keys and values of the whole context, and looks at those up to its position.
 *
 * Shapes: S sequences, C context, N = S · C rows, D width, H heads, K = D / H, V vocabulary, L layers.
 */
import {
  add,
  broadcastTo,
  cast,
  equal,
  gather,
  greater,
  matMul,
  mul,
  range,
  reshape,
  softmax,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  transpose,
  unstack,
  where,
} from "@tensorflow/tfjs-core";
import { present } from "../base/assert.ts";
import type { ModelConfig } from "../config/options.ts";
import { type Dropout, noDropout } from "./dropout.ts";
import { gelu } from "./gelu.ts";
import type { Kernels } from "./kernels.ts";
import { layerNorm } from "./layer-norm.ts";
import type { Model, Parameters } from "./model.ts";

export function transformer(config: ModelConfig, kernels: Kernels): Model {
  const { "model.layers": L, "model.heads": H, "model.width": D, "model.context": C, "model.bias": hasBias } = config;
  const K = D / H;

  const dense = (p: Parameters, x_NI: Tensor2D, name: string): Tensor2D =>
    kernels.dense(x_NI, p<Tensor2D>(`${name}/weight`), hasBias ? p<Tensor1D>(`${name}/bias`) : undefined);
  const norm = (p: Parameters, x_ND: Tensor2D, name: string): Tensor2D =>
    layerNorm(x_ND, p<Tensor1D>(`${name}/gain`), hasBias ? p<Tensor1D>(`${name}/bias`) : undefined);

  /** `attend` makes [N, D] of the joined queries, keys and values [N, 3D]. */
  function layerOver(p: Parameters, x_ND: Tensor2D, layer: string, dropout: Dropout, attend: (joined: Tensor2D) => Tensor2D): Tensor2D {
    const mixed_ND = attend(dense(p, norm(p, x_ND, `${layer}/norm1`), `${layer}/qkv`));
    const attended_ND: Tensor2D = add(x_ND, dropout(dense(p, mixed_ND, `${layer}/mix`)));
    const wide = gelu(dense(p, norm(p, attended_ND, `${layer}/norm2`), `${layer}/up`));
    return add(attended_ND, dropout(dense(p, wide, `${layer}/down`)));
  }

  function attention(joined: Tensor2D, mask_CC: Tensor2D, dropout: Dropout): Tensor2D {
    const S = joined.shape[0] / C;
    const joined_SC3HK = reshape(joined, [S, C, 3, H, K]);
    const [query_SHCK, key_SHCK, value_SHCK] = unstack(transpose(joined_SC3HK, [2, 0, 3, 1, 4])) as [Tensor4D, Tensor4D, Tensor4D];
    const scores_SHCC = add(matMul(mul(query_SHCK, 1 / Math.sqrt(K)), key_SHCK, false, true), mask_CC);
    const shares_SHCC = dropout(softmax(scores_SHCC));
    return reshape(transpose(matMul(shares_SHCC, value_SHCK), [0, 2, 1, 3]), [S * C, D]) as Tensor2D;
  }

  return {
    hidden(p, tokens_SC, dropout) {
      const S = tokens_SC.shape[0];
      const tokens_N = reshape(tokens_SC, [-1]) as Tensor1D;
      const embedded_SCD = reshape(gather(p<Tensor2D>("token"), tokens_N), [S, C, D]);
      const mask_CC = causalMask(C);
      let x_ND = reshape(dropout(add(embedded_SCD, p<Tensor2D>("position"))), [S * C, D]) as Tensor2D;
      for (let l = 0; l < L; l++) x_ND = layerOver(p, x_ND, `layer${l}`, dropout, (joined) => attention(joined, mask_CC, dropout));
      return norm(p, x_ND, "norm");
    },

    /** Keys, then values, of each layer. */
    memory: Array.from({ length: 2 * L }, () => [H, C, K]),

    next(p, token_1, position_1, memory) {
      const place_C = range(0, C, 1, "int32");
      const isHere_HCK = broadcastTo(equal(reshape(place_C, [1, C, 1]), position_1), [H, C, K]);
      const mask_11C = reshape(mul(cast(greater(place_C, position_1), "float32"), -1e9), [1, 1, C]);
      const remembered: Tensor[] = [];
      let x_1D: Tensor2D = add(gather(p<Tensor2D>("token"), token_1), gather(p<Tensor2D>("position"), position_1));
      for (let l = 0; l < L; l++)
        x_1D = layerOver(p, x_1D, `layer${l}`, noDropout, (joined) => {
          const [query_H1K, key_H1K, value_H1K] = unstack(reshape(joined, [3, H, 1, K])) as [Tensor3D, Tensor3D, Tensor3D];
          const key_HCK = where(isHere_HCK, key_H1K, present(memory[2 * l], "keys of each layer"));
          const value_HCK = where(isHere_HCK, value_H1K, present(memory[2 * l + 1], "values of each layer"));
          remembered.push(key_HCK, value_HCK);
          const scores_H1C = add(matMul(mul(query_H1K, 1 / Math.sqrt(K)), key_HCK, false, true), mask_11C);
          return reshape(matMul(softmax(scores_H1C), value_HCK), [1, D]) as Tensor2D;
        });
      return { hidden_1D: norm(p, x_1D, "norm"), memory: remembered };
    },

    output: (p, hidden_ND) =>
      config["model.tied"]
        ? kernels.dense(hidden_ND, p<Tensor2D>("token"), undefined, true)
        : kernels.dense(hidden_ND, p<Tensor2D>("output"), undefined),
  };
}

/** 0 where a token may look, -1e9 where it would see the future. Made from int32 ranges: no table in the graph. */
function causalMask(C: number): Tensor2D {
  const place = (): Tensor => range(0, C, 1, "int32");
  const isFuture_CC = greater(reshape(place(), [1, C]), reshape(place(), [C, 1]));
  return mul(cast(isFuture_CC, "float32"), -1e9);
}
