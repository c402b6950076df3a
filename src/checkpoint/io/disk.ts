/** The disk port over the file system of this machine. */
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { type Disk, type DiskFile, diskError } from "../../base/disk.ts";

export const realDisk: Disk = {
  open: (path) => tell("open", path, async () => new RealFile(path, await fs.open(path, constants.O_RDWR | constants.O_CREAT, 0o644))),
  openExisting: (path) => tell("open", path, () => unlessMissing(async () => new RealFile(path, await fs.open(path, "r")))),
  list: (folder) => tell("list", folder, () => unlessMissing(async () => (await fs.readdir(folder)).sort())),
  makeFolder: (path) =>
    tell("make folder", path, async () => {
      await fs.mkdir(path, { recursive: true });
    }),
  rename: (from, to) => tell("rename", `${from} to ${to}`, () => fs.rename(from, to)),
  remove: (path) => tell("remove", path, () => fs.rm(path, { recursive: true, force: true })),
  removeIfEmpty: (folder) =>
    tell("remove", folder, async () => {
      try {
        await fs.rmdir(folder);
      } catch (error) {
        if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes(reasonOf(error))) throw error;
      }
    }),
  link: (target, path) =>
    tell("link", path, async () => {
      const beside = `${path}.partial`;
      await fs.rm(beside, { force: true });
      await fs.symlink(target, beside);
      await fs.rename(beside, path);
    }),
  syncFolder: (path) =>
    tell("sync", path, async () => {
      const handle = await fs.open(path, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
};

class RealFile implements DiskFile {
  readonly #path: string;
  readonly #handle: fs.FileHandle;

  constructor(path: string, handle: fs.FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  size(): Promise<number> {
    return tell("stat", this.#path, async () => (await this.#handle.stat()).size);
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return tell("read", this.#path, async () => {
      const bytes = new Uint8Array(length);
      let got = 0;
      while (got < length) {
        const { bytesRead } = await this.#handle.read(bytes, got, length - got, position + got);
        if (bytesRead === 0) break;
        got += bytesRead;
      }
      return bytes.subarray(0, got);
    });
  }

  write(position: number, bytes: Uint8Array): Promise<number> {
    return tell("write", this.#path, async () => (await this.#handle.write(bytes, 0, bytes.length, position)).bytesWritten);
  }

  truncate(size: number): Promise<void> {
    return tell("truncate", this.#path, () => this.#handle.truncate(size));
  }

  sync(): Promise<void> {
    return tell("sync", this.#path, () => this.#handle.datasync());
  }

  close(): Promise<void> {
    return tell("close", this.#path, () => this.#handle.close());
  }
}

async function tell<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(doing, path, reasonOf(error), error);
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (reasonOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
