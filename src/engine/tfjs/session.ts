/**
 * A recorded graph as a session: feeds in, small results out, every tensor freed before the call returns. Large
 * vectors do not travel: they are fed as the caller's memory, to be read there or (names in `_out`) written there.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, present } from "../../base/assert.ts";
import { diskError } from "../../base/disk.ts";
import type { Binding } from "../addon.ts";
import { graphTag } from "../recorder/saved-model.ts";

export interface Feed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export interface Session {
  /** Carries out what `fetch` names and returns its value: float32, a copy. */
  run(feeds: readonly Feed[], fetch: string): Float32Array;
  close(): void;
}

/**
 * Loads the graph (saved_model.pb) that a recorder of this process has just made. A graph is code: one from anywhere
 * else must never be loaded. `disk-*` when there is no room for it.
 */
export function loadSession(binding: Binding, graph: Uint8Array): Session {
  const session = inPrivateFolder((folder) => {
    write(join(folder, "saved_model.pb"), graph);
    return binding.loadSavedModel(folder, graphTag);
  });
  return {
    run(feeds, fetch) {
      const tensors: number[] = [];
      try {
        for (const { name, shape, values } of feeds) {
          // TensorFlow would write into a copy of memory that is not aligned (flat-vector.ts).
          assert(!name.endsWith("_out") || values.buffer instanceof SharedArrayBuffer, `${name} is not a flat vector`);
          tensors.push(binding.createTensor(shape, values instanceof Int32Array ? binding.TF_INT32 : binding.TF_FLOAT, values));
        }
        const [result] = binding.runSavedModel(session, tensors, feeds.map(({ name }) => `${name}:0`).join(","), `${fetch}:0`);
        const { id } = present(result, "a fetch has a result");
        tensors.push(id);
        const values = binding.tensorDataSync(id);
        assert(values instanceof Float32Array, `${fetch} is not float32`);
        return values;
      } finally {
        for (const tensor of tensors) binding.deleteTensor(tensor);
      }
    },
    close: () => binding.deleteSavedModel(session),
  };
}

/** TensorFlow loads from a folder only: this one is there while it does. */
function inPrivateFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-graph-")); // mode 0700
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { mode: 0o600 });
  } catch (error) {
    throw error instanceof Error && "code" in error ? diskError("write", path, String(error.code), error) : error;
  }
}
