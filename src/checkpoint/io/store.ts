/**
 * The checkpoints of a run. A checkpoint is written beside its place and renamed into it when every byte is safe, so a
 * folder `step-…` is whole unless the disk went bad later, and that is found when it is opened.
 */
import { BabelgradError } from "../../base/errors.ts";
import type { Step } from "../../base/ids.ts";
import { type CheckpointAbout, type CheckpointManifest, checkpointName } from "../manifest.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";
import { CheckpointWriter, type WriterSettings } from "./checkpoint-writer.ts";
import { storedSteps } from "./find-checkpoint.ts";

export interface StoreSettings extends WriterSettings {
  /** The run directory; checkpoints are in `checkpoints/` below it, and `final` links to the newest. */
  readonly folder: string;
  /** Newest whole checkpoints kept. */
  readonly keep: number;
}

export class CheckpointStore {
  readonly #settings: StoreSettings;
  readonly #folder: string;
  /** Names of checkpoints that were written or verified by this process: true whole, false damaged. */
  readonly #isWhole = new Map<string, boolean>();
  /** Checkpoints may arrive faster than a disk takes them: what changes or reads the folder does so in turn. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(settings: StoreSettings) {
    this.#settings = settings;
    this.#folder = `${settings.folder}/checkpoints`;
  }

  /** Makes the folder, and clears what a process left that was stopped while it wrote. */
  static async open(settings: StoreSettings): Promise<CheckpointStore> {
    const store = new CheckpointStore(settings);
    const { disk } = settings;
    await disk.makeFolder(store.#folder);
    const names = (await disk.list(store.#folder)) ?? [];
    for (const name of names.filter((n) => n.startsWith(partialPrefix))) await disk.remove(`${store.#folder}/${name}`);
    for (const name of names.filter((n) => n.startsWith(replacedPrefix))) {
      const place = name.slice(replacedPrefix.length);
      if (names.includes(place)) await disk.remove(`${store.#folder}/${name}`);
      else await disk.rename(`${store.#folder}/${name}`, `${store.#folder}/${place}`);
    }
    await disk.syncFolder(store.#folder);
    return store;
  }

  /** Begins a checkpoint; `disk-full` or `disk-failed` when it cannot. */
  begin(about: CheckpointAbout): Promise<CheckpointWriter> {
    const name = checkpointName(about.step);
    const partial = `${this.#folder}/${partialPrefix}${name}`;
    return CheckpointWriter.begin(this.#settings, about, partial, () => this.#inTurn(() => this.#install(name, partial)));
  }

  /**
   * The newest whole checkpoint that `isWanted` (say: whose lineage the log knows); undefined when there is none at all.
   * Those passed over are reported. Where all are, it throws `checkpoint-corrupt` or `checkpoint-unknown`. Nothing is removed.
   */
  newest(isWanted: (manifest: CheckpointManifest) => boolean = () => true): Promise<Checkpoint | undefined> {
    return this.#inTurn(() => this.#newest(isWanted));
  }

  /** The checkpoint of a step; undefined when it is not there, not any more, or not whole. */
  at(step: Step): Promise<Checkpoint | undefined> {
    return this.#inTurn(async () => {
      const name = checkpointName(step);
      if (!(await this.#names()).includes(name)) return undefined;
      const opened = await this.#open(name);
      return typeof opened === "string" ? undefined : opened;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // whoever asked for it hears of its failure
    return turn;
  }

  async #newest(isWanted: (manifest: CheckpointManifest) => boolean): Promise<Checkpoint | undefined> {
    const passedOver: PassedOver[] = [];
    const report = (instead: string) => {
      for (const { code, what, folder } of passedOver)
        this.#settings.report(new BabelgradError(code, `${what}. Going on from ${instead}`, { folder }));
    };
    for (const name of await this.#names()) {
      const folder = `${this.#folder}/${name}`;
      const opened = await this.#open(name);
      if (typeof opened === "string") passedOver.push({ code: "checkpoint-corrupt", what: opened, folder });
      else if (isWanted(opened.manifest)) {
        report(name);
        return opened;
      } else {
        await opened.close();
        const what = `${name} has lineage ${opened.manifest.lineage}, which the log of the run does not know`;
        passedOver.push({ code: "checkpoint-unknown", what, folder });
      }
    }
    if (passedOver.length === 0) return undefined;
    const code = passedOver.some((p) => p.code === "checkpoint-corrupt") ? "checkpoint-corrupt" : "checkpoint-unknown";
    const what = `${passedOver.map((p) => p.what).join("; ")}. No checkpoint is left to go on from; nothing was removed`;
    throw new BabelgradError(code, what, { folder: passedOver.map(({ folder }) => folder).join(", ") });
  }

  async #names(): Promise<readonly string[]> {
    return (await storedSteps(this.#settings.disk, this.#settings.folder)).map(checkpointName);
  }

  async #open(name: string): Promise<Checkpoint | string> {
    const opened = await openCheckpoint(this.#settings.disk, `${this.#folder}/${name}`);
    this.#isWhole.set(name, typeof opened !== "string");
    return opened;
  }

  /** Puts a sealed checkpoint in its place; from here on it is there, whatever else goes wrong. */
  async #install(name: string, partial: string): Promise<void> {
    const { disk } = this.#settings;
    const place = `${this.#folder}/${name}`;
    const replaced = `${this.#folder}/${replacedPrefix}${name}`;
    const isReplacing = ((await disk.list(this.#folder)) ?? []).includes(name);
    if (isReplacing) {
      await disk.remove(replaced);
      await disk.rename(place, replaced);
    }
    await disk.rename(partial, place);
    await disk.syncFolder(this.#folder);
    this.#isWhole.set(name, true);
    try {
      if (isReplacing) await disk.remove(replaced);
      await disk.link(`checkpoints/${name}`, `${this.#settings.folder}/final`);
      await disk.syncFolder(this.#settings.folder);
      await this.#retain(name);
    } catch (error) {
      this.#reportIfKnown(error);
    }
  }

  /** Removes what is older than the newest whole ones. The one just written stays, even if others are ahead of it. */
  async #retain(written: string): Promise<void> {
    let whole = 0;
    for (const name of await this.#names()) {
      if (whole >= this.#settings.keep && name !== written) {
        await this.#settings.disk.remove(`${this.#folder}/${name}`);
        this.#isWhole.delete(name);
        continue;
      }
      if (!this.#isWhole.has(name)) {
        const opened = await this.#open(name);
        if (typeof opened !== "string") await opened.close();
      }
      if (this.#isWhole.get(name) === true) whole += 1;
    }
  }

  #reportIfKnown(error: unknown): void {
    if (!(error instanceof BabelgradError)) throw error;
    this.#settings.report(error);
  }
}

/** Names of folders that are no checkpoints: being written, and moved aside while their successor takes their place. */
const partialPrefix = ".partial-";
const replacedPrefix = ".replaced-";

/** A checkpoint that is not taken, and why. */
interface PassedOver {
  readonly code: "checkpoint-corrupt" | "checkpoint-unknown";
  readonly what: string;
  readonly folder: string;
}
