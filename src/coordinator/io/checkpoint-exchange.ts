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
  /** The state of a stored checkpoint, for a worker. */
  source(step: Step): StateSource | undefined;
  /** Where the state that was asked of this worker goes. */
  sink(step: Step, worker: WorkerId): Promise<StateSink | undefined> | undefined;
  /** Expects the state of `position` from the worker; what became of it is warned of unless it is whole on disk. */
  receive(position: Position, worker: WorkerId): Promise<Received>;
  readonly newestManifest: CheckpointManifest | undefined;
  close(): Promise<void>;
}

/** A manifest: whole on disk. An error: the disk cannot take it. undefined: the worker did not send it whole. */
type Received = CheckpointManifest | BabelgradError | undefined;

interface Settings {
  readonly store: CheckpointStore;
  readonly newest: Checkpoint | undefined;
  readonly about: (position: Position) => CheckpointAbout;
  readonly warn: (what: string) => void;
}

interface Expected {
  /** undefined when the disk cannot open its files. */
  readonly sink: Promise<StateSink | undefined>;
  readonly end: (received: Received) => void;
}

/** A worker that was asked for a checkpoint and has not sent it for so long is not waited for. */
const receiveTimeoutMs = 120_000;
const pieceBytes = 1 << 20;

export function checkpointExchange({ store, newest, about, warn }: Settings): CheckpointExchange {
  const expected = new Map<string, Expected>();
  let current = newest;
  let manifest = newest?.manifest;

  /** The disk's errors are told and passed on; others are bugs. */
  function failed(position: Position, error: unknown): BabelgradError {
    if (!(error instanceof BabelgradError)) throw error;
    warn(`checkpoint of step ${position.step}: ${error.code}: ${error.message}. ${error.todo}`);
    return error;
  }

  async function openSink(position: Position, worker: WorkerId, end: Expected["end"]): Promise<StateSink | undefined> {
    let writer: CheckpointWriter;
    try {
      writer = await store.begin(about(position));
    } catch (error) {
      end(failed(position, error));
      return undefined;
    }
    let failure: BabelgradError | undefined;
    return {
      bytes: vectors.reduce((sum: number, vector) => sum + writer.bytesOf(vector), 0),
      async write(offset, bytes) {
        try {
          await writeAcross(writer, offset, bytes);
        } catch (error) {
          failure = failed(position, error);
          throw error;
        }
      },
      async finish() {
        try {
          end(await writer.commit());
        } catch (error) {
          // A commit that failed has abandoned its files already.
          end(failed(position, error));
        }
      },
      async abandon(reason) {
        if (failure === undefined) warn(`checkpoint of step ${position.step} from ${worker} is given up: ${reason}`);
        await writer.abandon();
        end(failure);
      },
    };
  }

  return {
    source: (step) => (current?.manifest.step === step ? sourceOfCheckpoint(current) : undefined),
    sink: (step, worker) => expected.get(`${step} ${worker}`)?.sink,
    get newestManifest() {
      return manifest;
    },
    async receive(position, worker) {
      const key = `${position.step} ${worker}`;
      let end: Expected["end"] = () => undefined;
      const ended = new Promise<Received>((resolve) => {
        end = resolve;
      });
      // Expected before the disk has opened its files: the worker may be quicker.
      const sink = openSink(position, worker, end);
      expected.set(key, { sink, end });
      const timer = setTimeout(() => void sink.then((opened) => opened?.abandon("it did not come in time")), receiveTimeoutMs);
      const received = await ended;
      clearTimeout(timer);
      expected.delete(key);
      if (received === undefined || received instanceof BabelgradError) return received;
      manifest = received;
      await current?.close();
      current = await store.newest((m) => m.step === received.step);
      return received;
    },
    async close() {
      for (const { end } of expected.values()) end(undefined);
      await current?.close();
    },
  };
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
