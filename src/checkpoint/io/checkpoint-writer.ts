/** A checkpoint that is being received, in a folder beside its place. Its vectors come in pieces of any size. */
import { assert, present } from "../../base/assert.ts";
import type { Disk, DiskFile } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Digest } from "../../base/ids.ts";
import { sha256 } from "../../base/io/sha256.ts";
import { type CheckpointAbout, type CheckpointManifest, checkpointName, encodeManifest, type FileSeal } from "../manifest.ts";
import { encodeHeader, sizeOf, type TensorPlace } from "../safetensors.ts";
import { manifestFile, optimizerFile, sealOf, tokenizerFile, type Vector, vectors, weightsFile } from "./checkpoint.ts";
import { writeAll, writeWhole } from "./whole-file.ts";

export interface WriterSettings {
  readonly disk: Disk;
  /** The parameters in layout order. */
  readonly layout: readonly TensorPlace[];
  /** Moments of the optimizer: adamw 2, sgd 1. */
  readonly moments: 0 | 1 | 2;
  /** The bytes of tokenizer.json. */
  readonly tokenizer: Uint8Array;
  /** Told of what went wrong without stopping anything. */
  readonly report: (error: BabelgradError) => void;
}

/** It ends with `commit` or `abandon`; a commit that failed has abandoned. */
export class CheckpointWriter {
  readonly #settings: WriterSettings;
  readonly #about: CheckpointAbout;
  readonly #folder: string;
  readonly #install: () => Promise<void>;
  readonly #files: DiskFile[] = [];
  readonly #targets: Target[] = [];
  readonly #received: [number, number, number] = [0, 0, 0];

  private constructor(settings: WriterSettings, about: CheckpointAbout, folder: string, install: () => Promise<void>) {
    this.#settings = settings;
    this.#about = about;
    this.#folder = folder;
    this.#install = install;
  }

  /** `install` puts the sealed folder in its place. */
  static async begin(
    settings: WriterSettings,
    about: CheckpointAbout,
    folder: string,
    install: () => Promise<void>,
  ): Promise<CheckpointWriter> {
    const writer = new CheckpointWriter(settings, about, folder, install);
    try {
      await writer.#createFiles();
      return writer;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Bytes that a vector has: 4 for each parameter, 0 for a moment that the optimizer does not have. */
  bytesOf(vector: Vector): number {
    return this.#target(vector).bytes;
  }

  /** Writes the next bytes of a vector. Each vector comes from its beginning in order; the vectors may take turns. */
  async write(vector: Vector, offset: number, bytes: Uint8Array): Promise<void> {
    const target = this.#target(vector);
    assert(offset === this.#received[vector], `vector ${vector} goes on at byte ${this.#received[vector]}, not at ${offset}`);
    assert(offset + bytes.length <= target.bytes, `vector ${vector} has ${target.bytes} bytes`);
    this.#received[vector] += bytes.length;
    await writeAll(target.file, target.start + offset, bytes);
  }

  /** Every byte has arrived. */
  get isComplete(): boolean {
    return vectors.every((vector) => this.#received[vector] === this.bytesOf(vector));
  }

  /**
   * Resolves when the checkpoint is whole in its place, whatever happens then. Where `weightsSha256` is given the
   * weights must have it. Every `write` must have resolved.
   */
  async commit(weightsSha256?: Digest): Promise<CheckpointManifest> {
    assert(this.isComplete, `a checkpoint is committed with all its bytes, not ${this.#received.join(", ")}`);
    try {
      const manifest = await this.#seal(weightsSha256);
      await this.#install();
      return manifest;
    } finally {
      // Once installed the folder has another name, and nothing is left to remove here.
      await this.abandon();
    }
  }

  /** Gives the checkpoint up: its files are removed. */
  async abandon(): Promise<void> {
    for (const file of this.#files.splice(0)) await this.#attempt(() => file.close());
    await this.#attempt(() => this.#settings.disk.remove(this.#folder));
  }

  #target(vector: Vector): Target {
    return present(this.#targets[vector], "there are three vectors");
  }

  async #createFiles(): Promise<void> {
    const { disk, layout, moments, tokenizer } = this.#settings;
    await disk.remove(this.#folder);
    await disk.makeFolder(this.#folder);
    const size = layout.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const weights = await this.#createFile(weightsFile, encodeHeader(layout));
    const momentTensors = [1, 2]
      .slice(0, moments)
      .flatMap((n, i) => layout.map(({ name, shape, offset }) => ({ name: `moment${n}.${name}`, shape, offset: i * size + offset })));
    const optimizer = await this.#createFile(optimizerFile, encodeHeader(momentTensors));
    await writeWhole(disk, `${this.#folder}/${tokenizerFile}`, tokenizer);
    this.#targets.push(
      { ...weights, bytes: 4 * size },
      { ...optimizer, bytes: moments > 0 ? 4 * size : 0 },
      { ...optimizer, start: optimizer.start + 4 * size, bytes: moments > 1 ? 4 * size : 0 },
    );
  }

  async #createFile(name: string, header: Uint8Array): Promise<{ readonly file: DiskFile; readonly start: number }> {
    const file = await this.#settings.disk.open(`${this.#folder}/${name}`);
    this.#files.push(file);
    await writeAll(file, 0, header);
    return { file, start: header.length };
  }

  /** Syncs the files, reads them back and writes what they are into the manifest. */
  async #seal(expected: Digest | undefined): Promise<CheckpointManifest> {
    const { disk } = this.#settings;
    for (const file of this.#files) await file.sync();
    const files: Record<string, FileSeal> = {};
    for (const name of [optimizerFile, tokenizerFile]) {
      const { bytes, sha256 } = await this.#sealOf(name, 0);
      files[name] = { bytes, sha256 };
    }
    const { bytes, sha256: fileSha256, values: weightsSha256 } = await this.#sealOf(weightsFile, this.#target(0).start);
    files[weightsFile] = { bytes, sha256: fileSha256 };
    if (expected !== undefined && expected !== weightsSha256) {
      const what = `the weights of ${checkpointName(this.#about.step)} arrived with sha256 ${weightsSha256}, their sender says ${expected}`;
      throw new BabelgradError("checkpoint-corrupt", what, { folder: this.#folder });
    }
    const manifest: CheckpointManifest = { version: 1, ...this.#about, weightsSha256, files };
    await writeWhole(disk, `${this.#folder}/${manifestFile}`, encodeManifest(sha256, manifest));
    await disk.syncFolder(this.#folder);
    return manifest;
  }

  async #sealOf(name: string, skip: number): Promise<FileSeal & { readonly values: Digest }> {
    return present(await sealOf(this.#settings.disk, `${this.#folder}/${name}`, skip), `${name} was just written`);
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof BabelgradError)) throw error;
      this.#settings.report(error);
    }
  }
}

/** Where the values of a vector go. */
interface Target {
  readonly file: DiskFile;
  readonly start: number;
  readonly bytes: number;
}
