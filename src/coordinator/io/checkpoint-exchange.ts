/**
 * States on their way between workers and the run directory: the checkpoint that a worker was asked for comes in, the
 * newest whole one goes out to workers that have none.
 */
import { BabelgradError } from "../../base/errors.ts";
import type { Step, WorkerId } from "../../base/ids.ts";
import { type Checkpoint, type Vector, vectors } from "../../checkpoint/io/checkpoint.ts";
import type { CheckpointWriter } from "../../checkpoint/io/checkpoint-writer.ts";
import type { CheckpointStore } from "../../checkpoint/io/store.ts";
import type { CheckpointAbout, CheckpointManifest } from "../../checkpoint/manifest.ts";
import type { StateSink, StateSource } from "../../wire/io/state-transfer.ts";
import type { Position } from "../../wire/messages.ts";

export interface CheckpointExchange {
  /** A state that is on disk, for a worker. */
  source(step: Step): StateSource | undefined;
  /** Where the state that was asked of this worker goes; each may be taken once. */
  sink(step: Step, worker: WorkerId): StateSink | undefined;
  /**
   * Expects the state of `position` from the worker, at once: the worker may be quicker than our disk. What became of it
   * is warned of unless it is whole on disk.
   */
  receive(position: Position, worker: WorkerId): Promise<Received>;
  readonly newestManifest: CheckpointManifest | undefined;
  close(): Promise<void>;
}

/** A manifest: whole on disk. An error: the disk cannot take it. undefined: the worker did not send it whole. */
type Received = CheckpointManifest | BabelgradError | undefined;

interface Settings {
  readonly store: CheckpointStore;
  /** Where the run stands on disk at the start. */
  readonly newest: Checkpoint | undefined;
  /** What the run began from, when that was not made from its seed. */
  readonly initial: Checkpoint | undefined;
  /** Bytes of a state: its weights and moments. */
  readonly stateBytes: number;
  readonly about: (position: Position) => CheckpointAbout;
  readonly warn: (what: string) => void;
  /** A worker that sends nothing for so long is not waited for. */
  readonly patienceMs?: number;
}

const usualPatienceMs = 120_000;
const pieceBytes = 1 << 20;

export function checkpointExchange(settings: Settings): CheckpointExchange {
  const { store, initial, stateBytes, about, warn, patienceMs = usualPatienceMs } = settings;
  const arrivals = new Set<Arrival>();
  let current = settings.newest;
  let manifest = (current ?? initial)?.manifest;

  async function take(arrival: Arrival): Promise<Received> {
    const { step } = arrival;
    let received: CheckpointManifest | undefined;
    try {
      received = await arrival.ended;
    } catch (error) {
      if (!(error instanceof BabelgradError)) throw error;
      warn(`checkpoint of step ${step}: ${error.code}: ${error.message}. ${error.todo}`);
      return error;
    } finally {
      arrivals.delete(arrival);
    }
    // A slow one may come after its successor.
    if (received === undefined || step <= (manifest?.step ?? -1)) return received;
    manifest = received;
    const opened = await store.at(step);
    if (opened === undefined) return received; // its successors have taken its place already
    // Another may have been opened meanwhile: the newer one stays.
    const [newer, older] = step > (current?.manifest.step ?? -1) ? [opened, current] : [current, opened];
    current = newer;
    await older?.close();
    return received;
  }

  return {
    source(step) {
      const checkpoint = [current, initial].find((one) => one?.manifest.step === step);
      return checkpoint && sourceOfCheckpoint(checkpoint);
    },
    sink: (step, worker) => [...arrivals].find((one) => one.step === step && one.worker === worker && one.take()),
    get newestManifest() {
      return manifest;
    },
    receive(position, worker) {
      const { step } = position;
      // Asked of another, or of the same one after it came back: what was begun gives way before it is begun anew.
      const earlier = [...arrivals].filter((one) => one.step === step);
      const begin = async () => {
        for (const one of earlier) await one.abandon("it was asked for anew");
        return store.begin(about(position));
      };
      const arrival = new Arrival(step, worker, stateBytes, begin(), patienceMs, (reason) =>
        warn(`checkpoint of step ${step} from ${worker} is given up: ${reason}`),
      );
      arrivals.add(arrival);
      return take(arrival);
    },
    async close() {
      for (const arrival of arrivals) await arrival.abandon("the run ends");
      await current?.close();
      await initial?.close();
    },
  };
}

/** A state that was asked of a worker, until it is whole on disk or given up. */
class Arrival implements StateSink {
  readonly step: Step;
  readonly worker: WorkerId;
  readonly bytes: number;
  /** The manifest, or undefined when it was given up; rejects when the disk refuses it. */
  readonly ended: Promise<CheckpointManifest | undefined>;
  readonly #writer: Promise<CheckpointWriter>;
  readonly #timer: NodeJS.Timeout;
  readonly #onGivenUp: (reason: string) => void;
  #phase: "expected" | "arriving" | "sealing" | "over" = "expected";
  #resolve: (manifest: CheckpointManifest | undefined) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(
    step: Step,
    worker: WorkerId,
    bytes: number,
    writer: Promise<CheckpointWriter>,
    patienceMs: number,
    onGivenUp: (reason: string) => void,
  ) {
    this.step = step;
    this.worker = worker;
    this.bytes = bytes;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#writer = writer;
    this.#onGivenUp = onGivenUp;
    this.#timer = setTimeout(() => void this.abandon(`nothing of it came for ${patienceMs / 1000} s`), patienceMs);
    writer.catch((error: unknown) => this.#fail(error));
  }

  /** True for the first sender. */
  take(): boolean {
    if (this.#phase !== "expected") return false;
    this.#phase = "arriving";
    return true;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    const writer = await this.#writer;
    if (this.#phase !== "arriving") throw new Error("it is not expected any more");
    this.#timer.refresh();
    try {
      await writeAcross(writer, offset, bytes);
    } catch (error) {
      await writer.abandon();
      this.#fail(error);
      throw error;
    }
  }

  async finish(): Promise<void> {
    const writer = await this.#writer;
    if (this.#phase !== "arriving") throw new Error("it is not expected any more");
    this.#phase = "sealing";
    clearTimeout(this.#timer);
    try {
      const manifest = await writer.commit();
      this.#phase = "over";
      this.#resolve(manifest);
    } catch (error) {
      this.#fail(error); // a commit that failed has abandoned its files already
      throw error;
    }
  }

  /** Resolves when nothing of it is left, or when it is whole after all: what is being sealed is not given up. */
  async abandon(reason: string): Promise<void> {
    if (this.#phase === "sealing") await this.ended.catch(() => undefined);
    if (this.#phase === "over") return;
    this.#phase = "over";
    clearTimeout(this.#timer);
    this.#onGivenUp(reason);
    const writer = await this.#writer.catch(() => undefined);
    await writer?.abandon();
    this.#resolve(undefined);
  }

  #fail(error: unknown): void {
    this.#phase = "over";
    clearTimeout(this.#timer);
    this.#reject(error);
  }
}

/** A piece of the state may reach over the end of a vector. */
async function writeAcross(writer: CheckpointWriter, offset: number, bytes: Uint8Array): Promise<void> {
  let start = 0;
  for (const vector of vectors) {
    const end = start + writer.bytesOf(vector);
    const from = Math.max(offset, start);
    const to = Math.min(offset + bytes.length, end);
    if (from < to) await writer.write(vector, from - start, bytes.subarray(from - offset, to - offset));
    start = end;
  }
}

function sourceOfCheckpoint(checkpoint: Checkpoint): StateSource {
  return {
    bytes: vectors.reduce((sum: number, vector: Vector) => sum + checkpoint.bytesOf(vector), 0),
    async *chunks() {
      for (const vector of vectors)
        for (let at = 0; at < checkpoint.bytesOf(vector); at += pieceBytes) yield await checkpoint.readBytes(vector, at, pieceBytes);
    },
  };
}
