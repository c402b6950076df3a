/**
 * The process that records the step and ends: the eager pass leaves gigabytes in TensorFlow's pools, which the process
 * that trains need not carry. Reads one JSON object from standard input, writes the graph into a folder that its
 * parent has made, private to the user.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BabelgradError } from "../../base/errors.ts";
import type { Config } from "../../config/options.ts";
import { type Execute, fusedKernels } from "../kernels/fused.ts";
import { encodeSavedModel } from "../recorder/saved-model.ts";
import { type EagerBackend, recordStep } from "../recorder/step-graph.ts";
import { loadTfjs } from "../tfjs/tfjs.ts";

export interface RecorderInput {
  readonly config: Config;
  readonly vocabulary: number;
  readonly folder: string;
}

try {
  const { config, vocabulary, folder } = JSON.parse(readFileSync(0, "utf8")) as RecorderInput; // written by our parent
  const backend = loadTfjs().backend() as unknown as EagerBackend & { executeMultipleOutputs: Execute }; // NodeJSKernelBackend
  const kernels = fusedKernels((...call) => backend.executeMultipleOutputs(...call), backend.binding);
  writeFileSync(join(folder, "saved_model.pb"), encodeSavedModel(recordStep(backend, kernels, config, vocabulary)), { mode: 0o600 });
} catch (error) {
  const [code, message] = error instanceof BabelgradError ? [error.code, error.message] : ["recorder-failed", String(error)];
  process.stdout.write(JSON.stringify({ code, message }), () => process.exit(1));
}
