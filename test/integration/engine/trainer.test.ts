/** The trainer passes the contract on both backends: with dropout, decay and clipping, as a transformer and as an LSTM. */
import type { Config } from "../../../src/config/options.ts";
import { openTrainer } from "../../../src/engine/io/open-trainer.ts";
import { stepScalars } from "../../../src/engine/schedule.ts";
import { trainerContract } from "../../contract/trainer.ts";
import { configWith, formulaBatch } from "./fixture.ts";

const small: Partial<Config> = {
  "model.layers": 2,
  "model.heads": 2,
  "model.width": 16,
  "model.context": 8,
  "model.dropout": 0.2,
  "step.sequences": 3,
};
const vocabulary = 19;

function contractOf(name: string, changes: Partial<Config>): void {
  for (const backend of ["tensorflow", "wasm"] as const) {
    const config = configWith({ ...small, ...changes, "engine.backend": backend });
    const batch = (step: number, leaf: number) => formulaBatch(config, vocabulary, step, leaf);
    trainerContract(`${backend}: ${name}`, async () => ({
      trainer: await openTrainer({ config, vocabulary, probeBatch: batch(0, 0) }),
      batch,
      scalars: (step) => stepScalars(config, step, 0.5),
    }));
  }
}

contractOf("transformer, adamw", {});
contractOf("transformer without bias, untied, sgd", {
  "model.bias": false,
  "model.tied": false,
  "optimizer.kind": "sgd",
  "optimizer.momentum": 0.9,
});
contractOf("lstm, adamw", { "model.kind": "lstm", "model.tied": false });
contractOf("lstm, tied, without dropout", { "model.kind": "lstm", "model.dropout": 0 });
