/**
 * GPT-2's decoder: learned positions, layer norm before each part, causal attention, GELU. Products are of rank 2
 * with the bias beside them, so that TensorFlow fuses both; q, k and v are one product.
 *
 * Shapes: S sequences, C context, N = S · C rows, D width, H heads, K = D / H, V vocabulary, L layers.
 */
import {
  add,
  cast,
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
  type Tensor4D,
  transpose,
  unstack,
} from "@tensorflow/tfjs-core";
import type { ModelConfig } from "../config/options.ts";
import type { Dropout } from "./dropout.ts";
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

  function attention(p: Parameters, x_ND: Tensor2D, layer: string, mask_CC: Tensor2D, dropout: Dropout): Tensor2D {
    const S = x_ND.shape[0] / C;
    const joined_SC3HK = reshape(dense(p, x_ND, `${layer}/qkv`), [S, C, 3, H, K]);
    const [query_SHCK, key_SHCK, value_SHCK] = unstack(transpose(joined_SC3HK, [2, 0, 3, 1, 4])) as [Tensor4D, Tensor4D, Tensor4D];
    const scores_SHCC = add(matMul(mul(query_SHCK, 1 / Math.sqrt(K)), key_SHCK, false, true), mask_CC);
    const shares_SHCC = dropout(softmax(scores_SHCC));
    const mixed_ND = reshape(transpose(matMul(shares_SHCC, value_SHCK), [0, 2, 1, 3]), [S * C, D]) as Tensor2D;
    return dense(p, mixed_ND, `${layer}/mix`);
  }

  return {
    hidden(p, tokens_SC, dropout) {
      const S = tokens_SC.shape[0];
      const tokens_N = reshape(tokens_SC, [-1]) as Tensor1D;
      const embedded_SCD = reshape(gather(p<Tensor2D>("token"), tokens_N), [S, C, D]);
      const mask_CC = causalMask(C);
      let x_ND = reshape(dropout(add(embedded_SCD, p<Tensor2D>("position"))), [S * C, D]) as Tensor2D;
      for (let l = 0; l < L; l++) {
        const layer = `layer${l}`;
        x_ND = add(x_ND, dropout(attention(p, norm(p, x_ND, `${layer}/norm1`), layer, mask_CC, dropout)));
        const wide = gelu(dense(p, norm(p, x_ND, `${layer}/norm2`), `${layer}/up`));
        x_ND = add(x_ND, dropout(dense(p, wide, `${layer}/down`)));
      }
      return norm(p, x_ND, "norm");
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
