/**
 * `--fork`: makes another run beside an old one. Its initial state is the old run's newest whole checkpoint, copied so that
 * the old run may be deleted; it begins at that checkpoint's step, with a lineage of its own.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BabelgradError } from "../../base/errors.ts";
import { type Checkpoint, tokenizerFile, type Vector, vectors } from "../../checkpoint/io/checkpoint.ts";
import { realDisk } from "../../checkpoint/io/disk.ts";
import { CheckpointStore, type StoreSettings } from "../../checkpoint/io/store.ts";
import { readWhole } from "../../checkpoint/io/whole-file.ts";
import { fixHorizon } from "../../config/horizon.ts";
import type { Config } from "../../config/options.ts";
import { prepareFromConfig } from "../../corpus/io/prepare-data.ts";
import { openData, type PreparedData } from "../../data/io/prepared-data.ts";
import { modelLayout } from "../../model/parameters.ts";
import type { Fork } from "../run-identity.ts";
import { makeRun } from "./make-run.ts";
import { RunDirectory } from "./run-directory.ts";

export interface ForkedRun {
  readonly folder: string;
  readonly forkedFrom: Fork;
}

/** The run's store of checkpoints below `folder`; that of a fork's initial state is below `initial/`. */
export function checkpointSettings(
  folder: string,
  config: Config,
  data: PreparedData,
  report: (error: BabelgradError) => void,
): StoreSettings {
  return {
    disk: realDisk,
    folder,
    keep: config["checkpoint.keep"],
    layout: modelLayout(config, data.manifest.vocabulary).parameters,
    moments: config["optimizer.kind"] === "adamw" ? 2 : 1,
    tokenizer: new TextEncoder().encode(data.tokenizerJson),
    report,
  };
}

/** Makes the run in `FOLDER-fork1`, or the next number that is free. `checkpoint-missing`, `checkpoint-differs`, `run-locked`. */
export async function forkRun(folder: string, asked: Config, report: (error: BabelgradError) => void): Promise<ForkedRun> {
  const source = await RunDirectory.take(realDisk, folder);
  try {
    if (source.run === undefined) throw new BabelgradError("usage", `--fork goes on from a run, and ${folder} holds none`);
    const config = fixHorizon({ ...asked, fork: false });
    const forked = await makeFolder(folder);
    try {
      const { dir } = await prepareFromConfig(config, { dir: join(forked, "data"), isOfRun: false });
      const data = await openData(dir);
      const checkpoint = await newestOf(folder, checkpointSettings(folder, config, data, report));
      try {
        return { folder: forked, forkedFrom: await makeFork(checkpoint, folder, forked, config, data, report) };
      } finally {
        await checkpoint.close();
      }
    } catch (error) {
      await rm(forked, { recursive: true, force: true });
      throw error;
    }
  } finally {
    await source.release();
  }
}

async function newestOf(folder: string, settings: StoreSettings): Promise<Checkpoint> {
  const checkpoint = await (await CheckpointStore.open(settings)).newest();
  if (checkpoint === undefined) throw new BabelgradError("usage", `--fork goes on from a checkpoint, and ${folder} has none yet`);
  try {
    checkpoint.requireLayout(settings.layout);
    const theirs = await readWhole(settings.disk, `${folder}/checkpoints/${checkpoint.name}/${tokenizerFile}`);
    if (theirs === undefined || !Buffer.from(theirs).equals(settings.tokenizer))
      throw new BabelgradError(
        "checkpoint-differs",
        `${checkpoint.name} of ${folder} was trained with another tokenizer than the data has`,
      );
    return checkpoint;
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

async function makeFork(
  checkpoint: Checkpoint,
  folder: string,
  forked: string,
  config: Config,
  data: PreparedData,
  report: (error: BabelgradError) => void,
): Promise<Fork> {
  const { run, step, lineage, sequences } = checkpoint.manifest;
  const store = await CheckpointStore.open(checkpointSettings(join(forked, "initial"), config, data, report));
  // It stays what it is, a state of the old run: the new one's lineage follows when its first worker is known.
  const { numericClass } = checkpoint.manifest;
  const writer = await store.begin({ run, step, lineage, numericClass, sequences });
  const keepsMoments = vectors.every((vector) => checkpoint.bytesOf(vector) === writer.bytesOf(vector));
  for (const vector of vectors) {
    const bytes = writer.bytesOf(vector);
    for (let at = 0; at < bytes; at += pieceBytes) {
      const piece = await pieceOf(checkpoint, vector, at, Math.min(pieceBytes, bytes - at), vector === 0 || keepsMoments);
      await writer.write(vector, at, piece);
    }
  }
  await writer.commit(checkpoint.manifest.weightsSha256);
  const forkedFrom: Fork = { run, step, lineage, keepsMoments, sequences };
  const directory = await RunDirectory.take(realDisk, forked);
  try {
    await makeRun(directory, config, data.manifest.sha256, forkedFrom);
  } finally {
    await directory.release();
  }
  if (!keepsMoments)
    report(
      new BabelgradError("checkpoint-differs", `the optimizer of ${folder} was another: its moments are left behind and begin at zero`, {
        todo: "Nothing has to be done; a warm-up of the rate (optimizer.warmup counts from step 0) may help.",
      }),
    );
  return forkedFrom;
}

const pieceBytes = 1 << 20;

async function pieceOf(checkpoint: Checkpoint, vector: Vector, at: number, bytes: number, isKept: boolean): Promise<Uint8Array> {
  return isKept ? checkpoint.readBytes(vector, at, bytes) : new Uint8Array(bytes);
}

/** Makes the first of FOLDER-fork1, FOLDER-fork2, … that is not there. */
async function makeFolder(folder: string): Promise<string> {
  for (let number = 1; ; number++) {
    const forked = `${folder}-fork${number}`;
    try {
      await mkdir(forked);
      return forked;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
  }
}
