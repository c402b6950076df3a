/**
 * The disk as a port: what logs and checkpoints ask of it. The idea is what a crash leaves behind: a file's bytes only
 * after its `sync`, a name (of a new, renamed or removed file) only after the `syncFolder` of its folder. Failures are
 * errors of the table (`disk-full`, `disk-failed`); a path that is not there is `undefined`. Paths are POSIX.
 */
import { BabelgradError } from "./errors.ts";

export interface Disk {
  /** Opens for reading and writing; a file that is not there begins empty. */
  open(path: string): Promise<DiskFile>;
  /** Opens for reading. */
  openExisting(path: string): Promise<DiskFile | undefined>;
  /** Names in a folder, ascending. */
  list(folder: string): Promise<readonly string[] | undefined>;
  /** Makes a folder and those above it; one that is there stays as it is. */
  makeFolder(path: string): Promise<void>;
  /** Replaces a file at `to` in one go. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all it holds; nothing there is fine. */
  remove(path: string): Promise<void>;
  /** Removes a folder that is empty; any other, and what is not there, stays as it is. */
  removeIfEmpty(folder: string): Promise<void>;
  /** A symbolic link at `path`, which replaces a link that is there in one go. */
  link(target: string, path: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

export interface DiskFile {
  size(): Promise<number>;
  /** Up to `length` bytes from `position`; fewer only where the file ends. */
  read(position: number, length: number): Promise<Uint8Array>;
  /** Writes a first part of the bytes, at least one, and says how many. */
  write(position: number, bytes: Uint8Array): Promise<number>;
  truncate(size: number): Promise<void>;
  /** Resolves when bytes and size are safe from a crash. After a failure nobody knows what is. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The error for what the system answered: `reason` is its code, such as ENOSPC. */
export function diskError(doing: string, path: string, reason: string, cause?: unknown): BabelgradError {
  const isFull = reason === "ENOSPC" || reason === "EDQUOT" || reason === "EFBIG";
  if (isFull) return new BabelgradError("disk-full", `cannot ${doing} ${path}: no space (${reason})`, { path }, { cause });
  if (doing === "make folder" && (reason === "EEXIST" || reason === "ENOTDIR"))
    return new BabelgradError("out-occupied", `${path} cannot be a folder: a file is there (${reason})`, { dir: path }, { cause });
  const why = reason === "ENOENT" ? ": its folder does not exist (ENOENT)" : ` (${reason})`;
  return new BabelgradError("disk-failed", `cannot ${doing} ${path}${why}`, { path }, { cause });
}
