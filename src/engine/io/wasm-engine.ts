/** The engine without native TensorFlow: tfjs's WebAssembly backend, in this thread. */
import { createRequire } from "node:module";
import { assert } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Config } from "../../config/options.ts";
import type { Arithmetic } from "../simd.ts";
import { createEagerCompute } from "../wasm/compute.ts";
import { replaceKernels } from "../wasm/kernels.ts";
import { deviceName } from "./device.ts";
import type { LoadedEngine } from "./engine.ts";

type Tfjs = typeof import("@tensorflow/tfjs-core");

/** The backend, as far as it is used here. */
interface WasmBackend {
  readonly wasm: { _malloc(bytes: number): number };
}

const require = createRequire(import.meta.url);

/** Loads and sets up the backend; a failure, `no-tensorflow`, comes when it is opened. */
export async function loadWasm(config: Config, vocabulary: number, arithmetic: Arithmetic): Promise<LoadedEngine> {
  const loaded = await loadTfjsOnWasm();
  return {
    open() {
      if (loaded instanceof BabelgradError) throw loaded;
      const { tfjs, version, flags } = loaded;
      return {
        compute: createEagerCompute(config, vocabulary, arithmetic),
        about: { backend: "wasm", device: deviceName(false), tensorflow: `tfjs ${version}`, threads: 1, flags },
        tensorCount: () => tfjs.memory().numTensors,
        timeProduct: (side) => timedProduct(tfjs, side),
        close: () => undefined,
      };
    },
    close: () => undefined,
  };
}

function timedProduct(tfjs: Tfjs, side: number): number {
  const input = tfjs.fill([side, side], 1 / side);
  const began = performance.now();
  const result = tfjs.matMul(input, input);
  const ms = performance.now() - began; // it is done when it returns
  tfjs.dispose([input, result]);
  return ms;
}

/** tfjs with its WebAssembly backend as the one in use, for this thread; or why there is none. */
export async function loadTfjsOnWasm(): Promise<
  { readonly tfjs: Tfjs; readonly version: string; readonly flags: string } | BabelgradError
> {
  // The backend's loader has listeners for errors of the whole thread, which would end it with another error.
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set(process.listeners(event as "uncaughtException")));
  try {
    require("@tensorflow/tfjs"); // brings the gradients of tfjs's ops
    const { version_wasm: version } = require("@tensorflow/tfjs-backend-wasm") as { readonly version_wasm: string };
    const tfjs = require("@tensorflow/tfjs-core") as Tfjs;
    assert(await tfjs.setBackend("wasm"), "the backend is registered");
    refuseExhaustion(tfjs.backend() as unknown as WasmBackend); // BackendWasm
    replaceKernels();
    const isSimd = await tfjs.env().getAsync("WASM_HAS_SIMD_SUPPORT");
    return { tfjs, version, flags: isSimd === true ? "simd" : "" };
  } catch (cause) {
    return new BabelgradError("no-tensorflow", "tfjs's WebAssembly backend cannot be loaded", {}, { cause });
  } finally {
    for (const [i, event] of events.entries())
      for (const listener of process.listeners(event as "uncaughtException"))
        if (before[i]?.has(listener) === false) process.removeListener(event, listener);
  }
}

/** The backend does not look whether it was given memory: it would write to address 0. */
function refuseExhaustion({ wasm }: WasmBackend): void {
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const place = allocate(bytes);
    if (place === 0 && bytes > 0) throw new Error(`WebAssembly's memory of 4 GB is full: ${bytes} more bytes were asked for`);
    return place;
  };
}
