import { expect, test } from "vitest";
import { leafMatrixOperations } from "../../../src/model/matrix-operations.ts";
import { configWith } from "../../integration/engine/fixture.ts";

const L = 3;
const D = 64;
const C = 16;
const V = 101;
const S = 4;
const config = configWith({ "model.layers": L, "model.heads": 4, "model.width": D, "model.context": C });

test.each([true, false])("a transformer, tied %s: 6 N + 12 L D C a token (Chowdhery et al. 2022, appendix B)", (isTied) => {
  const multiplied = 12 * L * D * D + V * D; // every matrix but the embeddings, the output once
  const transformer = { ...config, "model.kind": "transformer", "model.tied": isTied } as const;
  expect(leafMatrixOperations(transformer, V, S)).toBe(S * C * (6 * multiplied + 12 * L * D * C));
});

test.each([true, false])("an LSTM, tied %s: 6 N a token, without the recurrent products of the first step", (isTied) => {
  const multiplied = 8 * L * D * D + V * D;
  const recurrent = { ...config, "model.kind": "lstm", "model.tied": isTied } as const;
  expect(leafMatrixOperations(recurrent, V, S)).toBe(6 * (S * C * multiplied - S * L * 4 * D * D));
});
