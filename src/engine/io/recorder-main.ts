/**
 * The process that records the step and ends: the eager pass leaves gigabytes in TensorFlow's pools, which the process
 * that trains need not carry. Reads one JSON object from standard input and writes the graph to standard output.
 */
import { readFileSync } from "node:fs";
import { BabelgradError, type ErrorCode, rootCause } from "../../base/errors.ts";
import type { Config } from "../../config/options.ts";
import { type Execute, fusedKernels } from "../kernels/fused.ts";
import { encodeSavedModel } from "../recorder/saved-model.ts";
import { type EagerBackend, type Purpose, recordStep } from "../recorder/step-graph.ts";
import { loadTfjs } from "../tfjs/tfjs.ts";

export interface RecorderInput {
  readonly config: Config;
  readonly vocabulary: number;
  readonly purpose: Purpose;
}

/** What it writes to standard output instead when it fails. */
export interface RecorderFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly cause: string | undefined;
}

try {
  const { config, vocabulary, purpose } = JSON.parse(readFileSync(0, "utf8")) as RecorderInput; // written by our parent
  const backend = loadTfjs().backend() as unknown as EagerBackend & { executeMultipleOutputs: Execute }; // NodeJSKernelBackend
  const kernels = fusedKernels((...call) => backend.executeMultipleOutputs(...call), backend.binding);
  process.stdout.write(encodeSavedModel(recordStep(backend, kernels, config, vocabulary, purpose)));
} catch (error) {
  const failed = error instanceof BabelgradError ? error : new BabelgradError("recorder-failed", String(error));
  const { code, message, facts } = failed;
  process.stdout.write(JSON.stringify({ code, message, facts, cause: rootCause(failed) } satisfies RecorderFailure), () => process.exit(1));
}
