/**
 * The trainer port in front of a compute thread, on any backend. This thread never loads TensorFlow; it hands out shared vectors, sends calls in order and matches answers, which come in the same order.
 */
import { Worker } from "node:worker_threads";
import { assert, present } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Config } from "../../config/options.ts";
import type { LeafBatch } from "../../data/leaf.ts";
import { modelLayout } from "../../model/parameters.ts";
import { allocateFlatVector } from "../flat-vector.ts";
import type { NumericClass, State, Trainer } from "../trainer.ts";
import type { ComputeAnswer, ComputeCall, ComputeThreadInput } from "./compute-protocol.ts";
import { builtEntry } from "./entry.ts";
import { recordInChild } from "./record.ts";
import { backendOf } from "./runtime.ts";

export interface TrainerInput {
  readonly config: Config;
  readonly vocabulary: number;
  /** Leaf 0 of step 0: what the numeric class is probed with. */
  readonly probeBatch: LeafBatch;
}

export interface TensorFlowTrainer extends Trainer {
  /** Tensors that TensorFlow holds for us: constant between calls, or something leaks. */
  tensorCount(): Promise<number>;
  /** Floating-point operations a second that one large product reached when the engine was opened. */
  readonly matrixPeak: number;
}

/**
 * Starts the compute thread, records the step where TensorFlow computes, and probes it. The state is that of step 0. Fails with `no-tensorflow`,
 * `recorder-failed`, `step-not-recordable` or `compute-failed`; a trainer whose thread dies later fails with `compute-lost`.
 */
export async function openTrainer({ config, vocabulary, probeBatch }: TrainerInput): Promise<TensorFlowTrainer> {
  assert(!isOpen, "one trainer at a time in a process: TensorFlow can be loaded by one thread");
  isOpen = true;
  const backend = backendOf(config["engine.backend"]);
  const flags = setFlags(config["engine.threads"]);
  const input: ComputeThreadInput = { config, vocabulary, probeBatch, backend, flags };
  const thread = new ComputeThread(new Worker(builtEntry("compute-main"), { workerData: input }));
  try {
    const graphFolder = backend === "tensorflow" ? await recordInChild(config, vocabulary) : undefined;
    const numericClass = (await thread.call({ kind: "open", graphFolder })) as NumericClass; // what `open` answers
    const matrixPeak = (await thread.call({ kind: "matrixPeak" })) as number; // what it answers
    return trainerOn(thread, config, modelLayout(config, vocabulary).size, numericClass, matrixPeak);
  } catch (error) {
    await thread.close();
    throw error;
  }
}

function trainerOn(thread: ComputeThread, config: Config, size: number, numericClass: NumericClass, matrixPeak: number): TensorFlowTrainer {
  const lent = new Set<Float32Array>();
  const free: Float32Array[] = [];
  const allocate = (): Float32Array => {
    const vector = free.pop() ?? allocateFlatVector(size);
    lent.add(vector);
    return vector;
  };
  const release = (vector: Float32Array): void => {
    assert(lent.delete(vector), "released a vector that is not lent");
    free.push(vector);
  };
  const floats = async (call: ComputeCall): Promise<Float32Array> => (await thread.call(call)) as Float32Array; // these calls answer with values
  const secondMoment = config["optimizer.kind"] === "adamw" ? size : 0;

  return {
    size,
    numericClass,
    matrixPeak,
    allocate,
    release,
    async load(state) {
      const { weights, moment1, moment2 } = state;
      assert(weights.length === size && moment1.length === size && moment2.length === secondMoment, "a state of another model");
      await thread.call({ kind: "load", state: { weights, moment1, moment2 } });
    },
    async snapshot(step) {
      const state: State = {
        step,
        weights: allocateFlatVector(size),
        moment1: allocateFlatVector(size),
        moment2: allocateFlatVector(secondMoment),
      };
      await thread.call({ kind: "save", state });
      return state;
    },
    async computeLeaf(batch) {
      const gradient = allocate();
      try {
        return { gradient, losses: await floats({ kind: "leaf", batch, gradient }) };
      } catch (error) {
        release(gradient);
        throw error;
      }
    },
    async add(left, right) {
      const out = allocate();
      await thread.call({ kind: "add", out, left, right });
      return out;
    },
    async apply(average, scalars) {
      await thread.call({ kind: "apply", average, scalars });
    },
    evaluate: (batch) => floats({ kind: "evaluate", batch }),
    async decode(token, position) {
      const isBounded = config["model.kind"] === "transformer";
      assert(position >= 0 && !(isBounded && position >= config["model.context"]), `position ${position} of a text`);
      return floats({ kind: "decode", token, position });
    },
    tensorCount: async () => (await thread.call({ kind: "tensorCount" })) as number, // what it answers
    close: () => thread.close(),
  };
}

type Answered = Extract<ComputeAnswer, { kind: "done" }>["value"];

/** A thread whose calls are answered in order; when it dies, every call that waits and every later one fails. */
class ComputeThread {
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
