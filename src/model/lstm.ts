/**
 * LSTM language model (Hochreiter and Schmidhuber, 1997; forget gates Gers et al., 2000), unrolled over the context.
 * The product with the input does not depend on time and is taken out of the loop: one large product a layer.
 *
 * Shapes: S sequences, C context, N rows, D width, V vocabulary; gates G = 4D in the order input, forget, output, cell.
 */
import {
  add,
  gather,
  mul,
  reshape,
  sigmoid,
  slice,
  stack,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  tanh,
  transpose,
  unstack,
} from "@tensorflow/tfjs-core";
import { present } from "../base/assert.ts";
import type { ModelConfig } from "../config/options.ts";
import type { Kernels } from "./kernels.ts";
import type { Model, Parameters } from "./model.ts";

interface State {
  readonly hidden_SD: Tensor2D;
  readonly cell_SD: Tensor2D;
}

export function lstm(config: ModelConfig, kernels: Kernels): Model {
  const { "model.layers": L, "model.width": D, "model.context": C } = config;

  function layerOver(p: Parameters, input_CSD: Tensor3D, layer: string): Tensor3D {
    const S = input_CSD.shape[1];
    const rows_ND = reshape(input_CSD, [C * S, D]) as Tensor2D;
    const fromInput_NG = kernels.dense(rows_ND, p<Tensor2D>(`${layer}/input/weight`), p<Tensor1D>(`${layer}/bias`));
    const fromInput = unstack(reshape(fromInput_NG, [C, S, 4 * D])) as Tensor2D[];
    const outputs: Tensor2D[] = [];
    let state: State | undefined;
    for (const input_SG of fromInput) {
      state = cell(p, input_SG, state, layer);
      outputs.push(state.hidden_SD);
    }
    return stack(outputs) as Tensor3D;
  }

  /** One time step; before the first, hidden and cell are zero and their terms are left out. */
  function cell(p: Parameters, input_SG: Tensor2D, before: State | undefined, layer: string): State {
    const S = input_SG.shape[0];
    const recurrent = p<Tensor2D>(`${layer}/hidden/weight`);
    const gates_SG = before === undefined ? input_SG : add<Tensor2D>(input_SG, kernels.dense(before.hidden_SD, recurrent, undefined));
    const open: Tensor2D = sigmoid(slice(gates_SG, [0, 0], [S, 3 * D]));
    const gate = (index: number): Tensor2D => slice(open, [0, index * D], [S, D]);
    const written_SD: Tensor2D = mul<Tensor2D>(gate(0), tanh(slice(gates_SG, [0, 3 * D], [S, D])));
    const cell_SD: Tensor2D = before === undefined ? written_SD : add<Tensor2D>(mul(gate(1), before.cell_SD), written_SD);
    const hidden_SD: Tensor2D = mul<Tensor2D>(gate(2), tanh(cell_SD));
    return { hidden_SD, cell_SD };
  }

  return {
    hidden(p, tokens_SC, dropout) {
      const S = tokens_SC.shape[0];
      const tokens_N = reshape(transpose(tokens_SC), [-1]) as Tensor1D; // in time order
      let x_CSD = dropout(reshape(gather(p<Tensor2D>("token"), tokens_N), [C, S, D]) as Tensor3D);
      for (let l = 0; l < L; l++) x_CSD = dropout(layerOver(p, x_CSD, `layer${l}`));
      return reshape(transpose(x_CSD, [1, 0, 2]) as Tensor, [S * C, D]) as Tensor2D;
    },

    /** Hidden, then cell state, of each layer. */
    memory: Array.from({ length: 2 * L }, () => [1, D]),

    next(p, token_1, _position_1, memory) {
      const remembered: Tensor[] = [];
      let x_1D: Tensor2D = gather(p<Tensor2D>("token"), token_1);
      for (let l = 0; l < L; l++) {
        const remember = (index: number): Tensor2D => present(memory[index], "two states a layer") as Tensor2D;
        const fromInput_1G = kernels.dense(x_1D, p<Tensor2D>(`layer${l}/input/weight`), p<Tensor1D>(`layer${l}/bias`));
        const before = { hidden_SD: remember(2 * l), cell_SD: remember(2 * l + 1) };
        const { hidden_SD, cell_SD } = cell(p, fromInput_1G, before, `layer${l}`);
        remembered.push(hidden_SD, cell_SD);
        x_1D = hidden_SD;
      }
      return { hidden_1D: x_1D, memory: remembered };
    },

    output: (p, hidden_ND) =>
      config["model.tied"]
        ? kernels.dense(hidden_ND, p<Tensor2D>("token"), p<Tensor1D>("output/bias"), true)
        : kernels.dense(hidden_ND, p<Tensor2D>("output/weight"), p<Tensor1D>("output/bias")),
  };
}
