/**
 * A disk in memory that can be full, write in small pieces, fail and crash. After a crash, `afterCrash` gives what
 * survived: of each file what was synced and any part of any later write, of each folder its names as synced or as last.
 */
import { type Disk, type DiskFile, diskError } from "../../../src/base/disk.ts";

/** Thrown by every call once the machine is gone. Not an error of the table: nobody may handle it. */
export class Crashed extends Error {}

interface FileNode {
  readonly kind: "file";
  bytes: Uint8Array;
  synced: Uint8Array;
  /** Changes since the last sync. */
  pending: ((bytes: Uint8Array, share: number) => Uint8Array)[];
}
interface FolderNode {
  readonly kind: "folder";
  entries: Map<string, Node>;
  synced: Map<string, Node>;
}
interface LinkNode {
  readonly kind: "link";
  readonly target: string;
}
type Node = FileNode | FolderNode | LinkNode;

export class MemoryDisk implements Disk {
  #root: FolderNode = newFolder();
  /** Bytes that still fit. */
  room = Number.POSITIVE_INFINITY;
  /** Bytes that one write takes at most. */
  writeMax = Number.POSITIVE_INFINITY;
  /** Calls until the machine goes down. */
  callsLeft = Number.POSITIVE_INFINITY;
  /** The system's answer to a call, such as EIO; undefined: it works. */
  fault: (doing: string, path: string) => string | undefined = () => undefined;

  open(path: string): Promise<DiskFile> {
    return this.#call("open", path, () => {
      const [folder, name] = this.#place("open", path);
      const there = folder.entries.get(name);
      if (there !== undefined && there.kind !== "file") throw diskError("open", path, "EISDIR");
      const node: FileNode = there ?? { kind: "file", bytes: new Uint8Array(0), synced: new Uint8Array(0), pending: [] };
      folder.entries.set(name, node);
      return this.#file(path, node);
    });
  }

  openExisting(path: string): Promise<DiskFile | undefined> {
    return this.#call("open", path, () => {
      const node = this.#find(path);
      if (node?.kind === "folder") throw diskError("open", path, "EISDIR");
      return node === undefined ? undefined : this.#file(path, node);
    });
  }

  list(folder: string): Promise<readonly string[] | undefined> {
    return this.#call("list", folder, () => {
      const node = this.#find(folder);
      if (node?.kind === "file") throw diskError("list", folder, "ENOTDIR");
      return node === undefined ? undefined : [...node.entries.keys()].sort();
    });
  }

  makeFolder(path: string): Promise<void> {
    return this.#call("make folder", path, () => {
      let folder = this.#root;
      for (const part of partsOf(path)) {
        const next: Node = folder.entries.get(part) ?? newFolder();
        if (next.kind !== "folder") throw diskError("make folder", path, "EEXIST");
        folder.entries.set(part, next);
        folder = next;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call("rename", from, () => {
      const [source, name] = this.#place("rename", from);
      const [target, newName] = this.#place("rename", to);
      const node = source.entries.get(name);
      if (node === undefined) throw diskError("rename", from, "ENOENT");
      const there = target.entries.get(newName);
      if (there?.kind === "folder" && there.entries.size > 0) throw diskError("rename", from, "ENOTEMPTY");
      target.entries.set(newName, node);
      source.entries.delete(name);
    });
  }

  removeIfEmpty(folder: string): Promise<void> {
    return this.#call("remove", folder, () => {
      const node = this.#find(folder);
      if (node?.kind !== "folder" || node.entries.size > 0) return;
      const [parent, name] = this.#place("remove", folder);
      parent.entries.delete(name);
    });
  }

  remove(path: string): Promise<void> {
    return this.#call("remove", path, () => {
      const parent = this.#find(partsOf(path).slice(0, -1).join("/"));
      if (parent?.kind === "folder") parent.entries.delete(partsOf(path).at(-1) ?? "");
    });
  }

  link(target: string, path: string): Promise<void> {
    return this.#call("link", path, () => {
      const [folder, name] = this.#place("link", path);
      folder.entries.set(name, { kind: "link", target });
    });
  }

  syncFolder(path: string): Promise<void> {
    return this.#call("sync", path, () => {
      const node = this.#find(path);
      if (node?.kind !== "folder") throw diskError("sync", path, "ENOENT");
      node.synced = new Map(node.entries);
    });
  }

  /** The disk as the next process finds it. `random` gives numbers in [0, 1). */
  afterCrash(random: () => number): MemoryDisk {
    const survivor = (node: Node): Node => {
      if (node.kind === "link") return node;
      if (node.kind === "folder") {
        const entries = new Map([...(random() < 0.5 ? node.synced : node.entries)].map(([name, child]) => [name, survivor(child)]));
        return { kind: "folder", entries, synced: new Map(entries) };
      }
      let bytes = node.synced;
      for (const change of node.pending) {
        const share = random() * 3 - 1;
        if (share > 0) bytes = change(bytes, Math.min(1, share));
      }
      return { kind: "file", bytes, synced: bytes, pending: [] };
    };
    const disk = new MemoryDisk();
    const root = survivor({ ...this.#root, synced: this.#root.entries });
    if (root.kind === "folder") disk.#root = root;
    return disk;
  }

  #file(path: string, node: FileNode): DiskFile {
    const change = (apply: (bytes: Uint8Array, share: number) => Uint8Array) => {
      node.bytes = apply(node.bytes, 1);
      node.pending.push(apply);
    };
    return {
      size: () => this.#call("stat", path, () => node.bytes.length),
      read: (position, length) => this.#call("read", path, () => node.bytes.slice(position, position + length)),
      write: (position, bytes) =>
        this.#call("write", path, () => {
          const length = Math.min(bytes.length, this.writeMax, this.room);
          if (length <= 0) throw diskError("write", path, "ENOSPC");
          this.room -= Math.min(length, Math.max(0, position + length - node.bytes.length));
          const written = bytes.slice(0, length);
          change((before, share) => {
            const part = written.subarray(0, Math.ceil(share * length));
            const after = new Uint8Array(Math.max(before.length, position + part.length));
            after.set(before);
            after.set(part, position);
            return after;
          });
          return length;
        }),
      truncate: (size) =>
        this.#call("truncate", path, () =>
          change((before) => {
            const after = new Uint8Array(size);
            after.set(before.subarray(0, size));
            return after;
          }),
        ),
      sync: () =>
        this.#call("sync", path, () => {
          node.synced = node.bytes;
          node.pending = [];
        }),
      close: () => this.#call("close", path, () => undefined),
    };
  }

  async #call<T>(doing: string, path: string, work: () => T): Promise<T> {
    this.callsLeft -= 1;
    if (this.callsLeft < 0) throw new Crashed(`${doing} ${path}`);
    const reason = this.fault(doing, path);
    if (reason !== undefined) throw diskError(doing, path, reason);
    return work();
  }

  /** The folder that holds a path's last name. */
  #place(doing: string, path: string): [FolderNode, string] {
    const parts = partsOf(path);
    const folder = this.#find(parts.slice(0, -1).join("/"));
    if (folder?.kind !== "folder") throw diskError(doing, path, folder === undefined ? "ENOENT" : "ENOTDIR");
    return [folder, parts.at(-1) ?? ""];
  }

  /** Follows links, whose targets are relative to their folder. */
  #find(path: string): FileNode | FolderNode | undefined {
    let node: FileNode | FolderNode | undefined = this.#root;
    let at = "";
    for (const part of partsOf(path)) {
      if (node?.kind !== "folder") return undefined;
      const next: Node | undefined = node.entries.get(part);
      node = next?.kind === "link" ? this.#find(`${at}/${next.target}`) : next;
      at = `${at}/${part}`;
    }
    return node;
  }
}

function newFolder(): FolderNode {
  return { kind: "folder", entries: new Map(), synced: new Map() };
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "");
}
