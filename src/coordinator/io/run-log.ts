/**
 * The log of a run: records appended one at a time, each safe on disk before the next is written. So a crash can only
 * cut the last one, which nobody was told of; damage anywhere else is not a crash and stops the run.
 */
import { digestOf } from "../../base/digest.ts";
import type { Disk, DiskFile } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Digest, RunId } from "../../base/ids.ts";
import { sha256 } from "../../base/io/sha256.ts";
import { writeAll } from "../../checkpoint/io/whole-file.ts";
import { decodeFrame, encodeFrame, findFrame } from "../log-frame.ts";
import { parseRecord, type RunRecord } from "../run-records.ts";

/** Bytes read at a time when a log is opened. */
const windowBytes = 1 << 22;

/** The end of a log that a crash cut off, and that was dropped. */
export interface TornTail {
  readonly position: number;
  readonly bytes: number;
}

export class RunLog {
  readonly #file: DiskFile;
  #end: number;
  #last: Digest;
  #queue: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;

  private constructor(file: DiskFile, end: number, last: Digest) {
    this.#file = file;
    this.#end = end;
    this.#last = last;
  }

  /** Opens the log of a run, made empty when it is not there, and gives its records to `take` in order. `log-damaged` changes nothing. */
  static async open(
    disk: Disk,
    path: string,
    run: RunId,
    take: (record: RunRecord) => void,
  ): Promise<{ readonly log: RunLog; readonly torn: TornTail | undefined }> {
    const file = await disk.open(path);
    try {
      const size = await file.size();
      const { end, last } = await readRecords(file, path, size, firstHash(run), take);
      if (end < size) {
        await refuseDamage(file, path, end, size);
        await file.truncate(end);
        await file.sync();
      }
      return { log: new RunLog(file, end, last), torn: end < size ? { position: end, bytes: size - end } : undefined };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Gives the records that are there now to `take`, also while another process appends, and changes nothing. `torn`: the
   * last record is not whole (yet). undefined: there is no log. `log-damaged` after what is whole was given.
   */
  static async read(
    disk: Disk,
    path: string,
    run: RunId,
    take: (record: RunRecord) => void,
  ): Promise<{ readonly torn: TornTail | undefined } | undefined> {
    const file = await disk.openExisting(path);
    if (file === undefined) return undefined;
    try {
      // What is appended from here on is not looked at: half a record now and its rest a moment later would seem damaged.
      const size = await file.size();
      const { end } = await readRecords(file, path, size, firstHash(run), take);
      if (end < size) await refuseDamage(file, path, end, size);
      return { torn: end < size ? { position: end, bytes: size - end } : undefined };
    } finally {
      await file.close();
    }
  }

  /**
   * Resolves when the record is safe on disk. Appends are carried out in the order of their calls. After a failure
   * (`disk-full`, `disk-failed`) nobody knows what is on disk, so every later append fails as well: start again.
   */
  append(record: RunRecord): Promise<void> {
    const appended = this.#queue.then(() => this.#append(record));
    this.#queue = appended.catch(() => undefined);
    return appended;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#file.close();
  }

  async #append(record: RunRecord): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { bytes, hash } = encodeFrame(sha256, this.#last, record);
    try {
      await writeAll(this.#file, this.#end, bytes);
      await this.#file.sync();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
    this.#end += bytes.length;
    this.#last = hash;
  }
}

/** Reads the whole frames of the first `size` bytes; `end` is where the first that is not whole begins. */
async function readRecords(
  file: DiskFile,
  path: string,
  size: number,
  first: Digest,
  take: (record: RunRecord) => void,
): Promise<{ readonly end: number; readonly last: Digest }> {
  let last = first;
  let end = 0;
  let count = 0;
  for (let length = windowBytes; ; ) {
    const bytes = await file.read(end, Math.min(length, size - end));
    let start = 0;
    let frame = decodeFrame(sha256, bytes, start);
    for (; typeof frame === "object"; frame = decodeFrame(sha256, bytes, start)) {
      const what = `${path}: record ${count} at byte ${end + start}`;
      if (frame.previous !== last) throw damaged(path, `${what} does not follow the one before it, or is of another run`);
      const record = parseRecord(frame.record);
      if (record === undefined) throw damaged(path, `${what} is of a kind that this version does not know`);
      take(record);
      last = frame.hash;
      start += frame.length;
      count += 1;
    }
    end += start;
    if (frame === "broken" || bytes.length < length) return { end, last };
    // A record may be longer than the window.
    length = start === 0 ? 2 * length : windowBytes;
  }
}

/** A whole record after one that is not: no crash does that. */
async function refuseDamage(file: DiskFile, path: string, end: number, size: number): Promise<void> {
  const rest = await file.read(end, size - end);
  const next = findFrame(sha256, rest, 1);
  if (next !== undefined) throw damaged(path, `${path} is damaged from byte ${end} on, and whole records follow at byte ${end + next}`);
}

function damaged(path: string, what: string): BabelgradError {
  return new BabelgradError("log-damaged", what, { path });
}

/** What the first record follows: the run, so that a log of another run is refused. */
function firstHash(run: RunId): Digest {
  return digestOf(sha256, ["babelgrad-log", run]);
}
