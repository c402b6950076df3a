/**
 * Loads tfjs-node's native addon. The serving thread uses it alone, without tfjs around it: it starts sooner, and every
 * tensor is freed where it was made.
 */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { BabelgradError } from "../../base/errors.ts";
import type { Binding } from "../addon.ts";

const require = createRequire(import.meta.url);

/** Loads the addon into this thread; one thread of a process can have it at a time. */
export function loadBinding(): Binding {
  try {
    const folder = dirname(require.resolve("@tensorflow/tfjs-node-gpu/package.json"));
    return require(join(folder, "lib", "napi-v8", "tfjs_binding.node")) as Binding; // the addon's interface, as tfjs-node declares it
  } catch (cause) {
    throw new BabelgradError("no-tensorflow", "TensorFlow's native runtime cannot be loaded", {}, { cause });
  }
}
