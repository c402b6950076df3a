/** What the main thread asks of the compute thread, and what comes back. Large vectors are shared, never copied. */
import type { ErrorCode } from "../../base/errors.ts";
import type { Config } from "../../config/options.ts";
import type { LeafBatch } from "../../data/leaf.ts";
import type { StepScalars } from "../../step/lineage.ts";
import type { Vectors } from "../compute.ts";
import type { Purpose } from "../recorder/step-graph.ts";
import type { NumericClass } from "../trainer.ts";
import type { Backend } from "./runtime.ts";

export interface ComputeThreadInput {
  readonly config: Config;
  readonly vocabulary: number;
  readonly purpose: Purpose;
  /** To train: leaf 0 of step 0, what the numeric class is probed with. */
  readonly probeBatch: LeafBatch | undefined;
  readonly backend: Backend;
  /** The environment variables that the numbers depend on, as `NAME=value`. */
  readonly flags: string;
}

export type ComputeCall =
  | { readonly kind: "open"; readonly graph: Uint8Array | undefined }
  | { readonly kind: "load"; readonly state: Vectors }
  | { readonly kind: "save"; readonly state: Vectors }
  | { readonly kind: "leaf"; readonly batch: LeafBatch; readonly gradient: Float32Array }
  | { readonly kind: "add"; readonly out: Float32Array; readonly left: Float32Array; readonly right: Float32Array }
  | { readonly kind: "apply"; readonly average: Float32Array; readonly scalars: StepScalars }
  | { readonly kind: "evaluate"; readonly batch: LeafBatch }
  | { readonly kind: "decode"; readonly token: number; readonly position: number }
  | { readonly kind: "tensorCount" }
  | { readonly kind: "matrixPeak" }
  | { readonly kind: "close" };

/** Calls are answered in order, each once. */
export type ComputeAnswer =
  | { readonly kind: "done"; readonly value: Float32Array | NumericClass | number | undefined }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string; readonly cause: string | undefined };
