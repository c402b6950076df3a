/** The engine on native TensorFlow: the recorded step as a session of the addon. */
import { present } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Config } from "../../config/options.ts";
import type { Binding } from "../addon.ts";
import type { Arithmetic } from "../simd.ts";
import { createCompute } from "../tfjs/compute.ts";
import { loadBinding } from "../tfjs/load-binding.ts";
import { loadSession } from "../tfjs/session.ts";
import { timedProduct } from "../tfjs/timed-product.ts";
import { deviceName } from "./device.ts";
import type { LoadedEngine } from "./engine.ts";

/** Loads the addon, begun before the recorder is done: both take a second. */
export function loadTensorFlow(config: Config, arithmetic: Arithmetic, flags: string): LoadedEngine {
  const binding = loaded();
  return {
    open(graph) {
      if (binding instanceof BabelgradError) throw binding;
      const session = loadSession(binding, present(graph, "the step is recorded"));
      const isGpu = binding.isUsingGpuDevice();
      return {
        compute: createCompute(session, arithmetic, config),
        about: {
          backend: isGpu ? "tensorflow-cuda" : "tensorflow-cpu",
          device: deviceName(isGpu),
          tensorflow: binding.TF_Version,
          threads: config["engine.threads"],
          flags,
        },
        tensorCount: () => binding.getNumOfTensors(),
        timeProduct: (side) => timedProduct(binding, side),
        close: () => session.close(),
      };
    },
    close() {
      // A TensorFlow that was loaded and never used crashes the process when it is unloaded.
      if (!(binding instanceof BabelgradError)) binding.deleteTensor(binding.createTensor([1], binding.TF_FLOAT, new Float32Array(1)));
    },
  };
}

function loaded(): Binding | BabelgradError {
  try {
    return loadBinding();
  } catch (error) {
    return error instanceof BabelgradError ? error : new BabelgradError("no-tensorflow", String(error));
  }
}
