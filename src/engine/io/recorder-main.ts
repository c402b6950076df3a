/**
 * The process that records the step and ends: the eager pass leaves gigabytes in TensorFlow's pools, which the process
 * that trains need not carry. Reads one JSON object from standard input, writes the graph into a folder that its
 * parent has made, private to the user.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diskError } from "../../base/disk.ts";
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
  readonly folder: string;
}

/** What it writes to standard output when it fails. */
export interface RecorderFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly cause: string | undefined;
}

try {
  const { config, vocabulary, purpose, folder } = JSON.parse(readFileSync(0, "utf8")) as RecorderInput; // written by our parent
  const backend = loadTfjs().backend() as unknown as EagerBackend & { executeMultipleOutputs: Execute }; // NodeJSKernelBackend
  const kernels = fusedKernels((...call) => backend.executeMultipleOutputs(...call), backend.binding);
  write(join(folder, "saved_model.pb"), encodeSavedModel(recordStep(backend, kernels, config, vocabulary, purpose)));
} catch (error) {
  const failed = error instanceof BabelgradError ? error : new BabelgradError("recorder-failed", String(error));
  const { code, message, facts } = failed;
  process.stdout.write(JSON.stringify({ code, message, facts, cause: rootCause(failed) } satisfies RecorderFailure), () => process.exit(1));
}

function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { mode: 0o600 });
  } catch (error) {
    throw error instanceof Error && "code" in error ? diskError("write", path, String(error.code), error) : error;
  }
}
