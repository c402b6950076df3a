/**
 * The directory of a run, its root of trust: what run it is (`run.json`, `config.yaml`), what happened (`log`) and what
 * it would resume from (`checkpoints/`). Held by one process at a time.
 */
import { present } from "../../base/assert.ts";
import type { Disk } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import { storedSteps } from "../../checkpoint/io/find-checkpoint.ts";
import { readWhole, replaceWhole } from "../../checkpoint/io/whole-file.ts";
import type { NumericClass } from "../../engine/trainer.ts";
import { RunHistory } from "../run-history.ts";
import { decodeAbout, encodeAbout, type RunAbout, requireSameClass } from "../run-identity.ts";
import { lockRun, type RunLock } from "./run-lock.ts";
import { RunLog, type TornTail } from "./run-log.ts";

export interface OpenedLog {
  readonly log: RunLog;
  readonly history: RunHistory;
  /** This life of the coordinator: on disk already. */
  readonly term: number;
  readonly torn: TornTail | undefined;
}

export class RunDirectory {
  readonly folder: string;
  readonly #disk: Disk;
  readonly #lock: RunLock;
  #run: { readonly about: RunAbout; readonly config: string } | undefined;

  private constructor(disk: Disk, folder: string, lock: RunLock, run: { readonly about: RunAbout; readonly config: string } | undefined) {
    this.folder = folder;
    this.#disk = disk;
    this.#lock = lock;
    this.#run = run;
  }

  /**
   * Takes the directory, made when it is not there. `run-locked` when another process has it, `run-damaged` when it is
   * half a run, `out-occupied` when it is no run and something else is in it.
   */
  static async take(disk: Disk, folder: string): Promise<RunDirectory> {
    await disk.makeFolder(folder);
    const lock = await lockRun(disk, folder);
    try {
      return new RunDirectory(disk, folder, lock, await readRun(disk, folder));
    } catch (error) {
      await leave(disk, folder, lock);
      throw error;
    }
  }

  /** What run is here and its config.yaml; undefined: none yet. */
  get run(): { readonly about: RunAbout; readonly config: string } | undefined {
    return this.#run;
  }

  /** Makes the run. Only with run.json, the last file written, there is one. */
  async create(about: RunAbout, config: string): Promise<void> {
    const { log } = await RunLog.open(this.#disk, `${this.folder}/log`, about.run, () => undefined);
    await log.close();
    await replaceWhole(this.#disk, this.folder, "config.yaml", new TextEncoder().encode(config));
    await replaceWhole(this.#disk, this.folder, "run.json", encodeAbout(about));
    this.#run = { about, config };
  }

  /** Fixes the numeric class with the first worker; refuses one of another class with `class-differs`. */
  async admitClass(numericClass: NumericClass): Promise<void> {
    const { about, config } = this.#require();
    if (about.numericClass !== undefined) return requireSameClass(about.numericClass, numericClass);
    const fixed = { ...about, numericClass };
    this.#run = { about: fixed, config };
    await replaceWhole(this.#disk, this.folder, "run.json", encodeAbout(fixed));
  }

  /** Reads the log and writes the next term into it. `timeMs` is now, since 1970. */
  async openLog(timeMs: number): Promise<OpenedLog> {
    const oldest = (await storedSteps(this.#disk, this.folder)).at(-1);
    const first = this.#require().about.forkedFrom?.step ?? 0;
    const history = new RunHistory(oldest ?? first, first);
    const path = `${this.folder}/log`;
    const there = await this.#disk.openExisting(path);
    if (there === undefined) throw new BabelgradError("log-damaged", `${path} is missing`, { path });
    await there.close();
    const { log, torn } = await RunLog.open(this.#disk, path, this.#require().about.run, (record) => history.take(record));
    const record = { kind: "term", term: history.term + 1, timeMs } as const;
    try {
      await log.append(record);
    } catch (error) {
      await log.close();
      throw error;
    }
    history.take(record);
    return { log, history, term: record.term, torn };
  }

  /** A directory that no run was made in is left as it was found. */
  release(): Promise<void> {
    return this.#run === undefined ? leave(this.#disk, this.folder, this.#lock) : this.#lock.release();
  }

  #require(): { readonly about: RunAbout; readonly config: string } {
    return present(this.#run, `${this.folder} has a run`);
  }
}

async function leave(disk: Disk, folder: string, lock: RunLock): Promise<void> {
  await lock.release();
  await disk.removeIfEmpty(`${folder}/lock`);
  await disk.removeIfEmpty(folder);
}

/** What a run that was cut off while it was made, or is being forked, leaves; and the token, which may be put there before. */
const ownNames = /^(lock|token|data(\.(new|old)-\d+)?|log|initial|\.partial-.*)$/;

/** What run a folder holds; undefined: none. Only reads. @throws BabelgradError `run-damaged` */
export async function readRun(disk: Disk, folder: string): Promise<{ readonly about: RunAbout; readonly config: string } | undefined> {
  const [aboutBytes, configBytes] = [await readWhole(disk, `${folder}/run.json`), await readWhole(disk, `${folder}/config.yaml`)];
  if (aboutBytes === undefined) {
    const names = (await disk.list(`${folder}/checkpoints`)) ?? [];
    if (names.length > 0) throw runDamaged(`${folder}/run.json`, "is missing, but there are checkpoints");
    const all = (await disk.list(folder)) ?? [];
    const foreign = all.find((name) => !ownNames.test(name) && !(name === "config.yaml" && all.includes("log")));
    if (foreign !== undefined) throw new BabelgradError("out-occupied", `${folder} holds no run, but ${foreign}`, { dir: folder });
    return undefined;
  }
  const about = decodeAbout(aboutBytes);
  if (about === undefined) throw runDamaged(`${folder}/run.json`, "is not a run.json of this version");
  if (configBytes === undefined) throw runDamaged(`${folder}/config.yaml`, "is missing");
  return { about, config: new TextDecoder().decode(configBytes) };
}

function runDamaged(path: string, what: string): BabelgradError {
  return new BabelgradError("run-damaged", `${path} ${what}`, { path });
}
