/**
 * The compute thread as seen from outside. This side never loads TensorFlow; answers come in the order of the calls.
 */
import { Worker } from "node:worker_threads";
import { assert, present } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { NumericClass } from "../trainer.ts";
import type { ComputeAnswer, ComputeCall, ComputeThreadInput } from "./compute-protocol.ts";
import { builtEntry } from "./entry.ts";
import { recordInChild } from "./record.ts";
import { backendOf } from "./runtime.ts";

/** Starts the thread and records what its purpose needs where TensorFlow computes. A thread for training is probed: it has a numeric class. */
export async function openThread(
  input: Omit<ComputeThreadInput, "backend" | "flags">,
): Promise<{ readonly thread: ComputeThread; readonly numericClass: NumericClass | undefined }> {
  assert(!isOpen, "one compute thread at a time in a process: TensorFlow can be loaded by one thread");
  isOpen = true;
  const { config, vocabulary, purpose } = input;
  const backend = backendOf(config["engine.backend"]);
  const flags = setFlags(config["engine.threads"]);
  const workerData: ComputeThreadInput = { ...input, backend, flags };
  const thread = new ComputeThread(new Worker(builtEntry("compute-main"), { workerData }));
  try {
    const graph = backend === "tensorflow" ? await recordInChild({ config, vocabulary, purpose }) : undefined;
    return { thread, numericClass: (await thread.call({ kind: "open", graph })) as NumericClass | undefined }; // what `open` answers
  } catch (error) {
    await thread.close();
    throw error;
  }
}

type Answered = Extract<ComputeAnswer, { kind: "done" }>["value"];

/** A thread whose calls are answered in order; when it dies, every call that waits and every later one fails. */
export class ComputeThread {
  readonly #worker: Worker;
  readonly #waiting: { resolve(value: Answered): void; reject(error: Error): void }[] = [];
  readonly #ended: Promise<void>;
  #lost: BabelgradError | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (answer: ComputeAnswer) => {
      const { resolve, reject } = present(this.#waiting.shift(), "an answer belongs to a call");
      if (answer.kind === "done") resolve(answer.value);
      else {
        const cause = answer.cause === undefined ? undefined : new Error(answer.cause);
        reject(new BabelgradError(answer.code, answer.message, {}, { cause }));
      }
    });
    worker.on("error", (cause) => this.#lose(cause));
    this.#ended = new Promise((resolve) => {
      worker.on("exit", (code) => {
        this.#lose(new Error(`the thread ended with status ${code}`));
        isOpen = false;
        resolve();
      });
    });
  }

  call(call: ComputeCall): Promise<Answered> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(call);
    });
  }

  /** Lets the thread finish what it was asked and end by itself: to stop a thread inside TensorFlow would crash the process. */
  async close(): Promise<void> {
    if (this.#lost === undefined) await this.call({ kind: "close" });
    await this.#ended;
  }

  #lose(cause: unknown): void {
    this.#lost ??= new BabelgradError("compute-lost", "the compute thread is gone", {}, { cause });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#lost);
  }
}

let threadsOfProcess: number | undefined;
let isOpen = false;

/** TensorFlow reads these when it is loaded, once a process. They are part of the numeric class. */
function setFlags(threads: number): string {
  assert(threadsOfProcess === undefined || threadsOfProcess === threads, "one number of intra-op threads a process");
  threadsOfProcess = threads;
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "3";
  process.env["TF_NUM_INTRAOP_THREADS"] = String(threads);
  process.env["TF_NUM_INTEROP_THREADS"] = "1";
  process.env["TF_DETERMINISTIC_OPS"] = "1";
  process.env["NVIDIA_TF32_OVERRIDE"] = "0";
  const names = Object.keys(process.env).filter((name) =>
    /^(TF_ENABLE_ONEDNN_OPTS|TF_XLA_FLAGS|XLA_FLAGS|TF_DETERMINISTIC_OPS|NVIDIA_TF32_OVERRIDE|ONEDNN_\w+|DNNL_\w+)$/.test(name),
  );
  return names
    .sort()
    .map((name) => `${name}=${process.env[name]}`)
    .join(" ");
}
