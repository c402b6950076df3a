/** Which runtime scripts/setup.mjs has installed, and so what `engine.backend: auto` stands for. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Config } from "../../config/options.ts";

export type Backend = Exclude<Config["engine.backend"], "auto">;

export interface Runtime {
  /** TensorFlow's native addon; undefined when there is none. */
  readonly addon: string | undefined;
  /** What set-up has written beside it; undefined when it has not run. */
  readonly stamp: { readonly flavour: "cpu" | "cuda" | "wasm"; readonly why: string } | undefined;
}

/** The backend that a setting stands for on this machine. */
export function backendOf(setting: Config["engine.backend"]): Backend {
  if (setting !== "auto") return setting;
  return installedRuntime().addon === undefined ? "wasm" : "tensorflow";
}

export function installedRuntime(): Runtime {
  let folder: string;
  try {
    folder = join(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-node-gpu/package.json")), "lib", "napi-v8");
  } catch {
    return { addon: undefined, stamp: undefined };
  }
  const stamp = readStamp(join(folder, "babelgrad-runtime.json"));
  const addon = join(folder, "tfjs_binding.node");
  // An addon may be left from before wasm was asked for.
  return { addon: stamp?.flavour !== "wasm" && existsSync(addon) ? addon : undefined, stamp };
}

function readStamp(path: string): Runtime["stamp"] {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Runtime["stamp"]; // written by scripts/setup.mjs of this checkout
  } catch {
    return undefined;
  }
}
