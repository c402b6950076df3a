/** tfjs with its TensorFlow backend, for recording and for the eager reference; the serving thread does without it. */
import { createRequire } from "node:module";
import { BabelgradError } from "../../base/errors.ts";

type Tfjs = typeof import("@tensorflow/tfjs-core");

const require = createRequire(import.meta.url);

/** Loads tfjs-node into this process. */
export function loadTfjs(): Tfjs {
  // Node 23 removed two functions of `util` that tfjs-node 4.22 still calls.
  const util = require("node:util") as { isNullOrUndefined?: (x: unknown) => boolean; isArray?: (x: unknown) => boolean };
  util.isNullOrUndefined ??= (x) => x === null || x === undefined;
  util.isArray ??= Array.isArray;
  try {
    return require("@tensorflow/tfjs-node-gpu") as Tfjs; // re-exports all of tfjs-core
  } catch (cause) {
    throw new BabelgradError("no-tensorflow", "TensorFlow's native runtime cannot be loaded", {}, { cause });
  }
}
