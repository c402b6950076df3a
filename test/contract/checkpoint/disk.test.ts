import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { afterAll, describe, expect, it } from "vitest";
import type { Disk, DiskFile } from "../../../src/base/disk.ts";
import { realDisk } from "../../../src/checkpoint/io/disk.ts";
import { readWhole, replaceWhole, writeAll, writeWhole } from "../../../src/checkpoint/io/whole-file.ts";
import { MemoryDisk } from "./memory-disk.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function using<T>(file: DiskFile, work: (file: DiskFile) => Promise<T>): Promise<T> {
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

const disks: readonly (readonly [string, () => Promise<{ disk: Disk; root: string }>])[] = [
  [
    "the real disk",
    async () => {
      const root = await mkdtemp(`${tmpdir()}/babelgrad-disk-`);
      folders.push(root);
      return { disk: realDisk, root };
    },
  ],
  ["the disk in memory", async () => ({ disk: new MemoryDisk(), root: "" })],
  [
    "the disk in memory that writes three bytes at a time",
    async () => ({ disk: Object.assign(new MemoryDisk(), { writeMax: 3 }), root: "" }),
  ],
];

describe.each(disks)("%s", (_, make) => {
  it("bytes written at places: read back from places, short only at the end", async () => {
    const { disk, root } = await make();
    await using(await disk.open(`${root}/f`), async (file) => {
      await writeAll(file, 0, bytes(1, 2, 3, 4, 5, 6, 7, 8));
      await writeAll(file, 6, bytes(70, 80, 90));
      await file.sync();
      expect(await file.size()).toBe(9);
      expect([...(await file.read(5, 100))]).toEqual([6, 70, 80, 90]);
      expect((await file.read(9, 10)).length).toBe(0);
    });
  });

  it("a file opened again: keeps its bytes; truncated: loses them, grown: has zeros", async () => {
    const { disk, root } = await make();
    await writeWhole(disk, `${root}/f`, bytes(1, 2, 3, 4));
    await using(await disk.open(`${root}/f`), async (file) => {
      expect(await file.size()).toBe(4);
      await file.truncate(2);
      await writeAll(file, 3, bytes(9));
    });
    expect([...((await readWhole(disk, `${root}/f`)) ?? [])]).toEqual([1, 2, 0, 9]);
  });

  it("what is not there: undefined to read and list, nothing to remove", async () => {
    const { disk, root } = await make();
    expect(await disk.openExisting(`${root}/none`)).toBeUndefined();
    expect(await disk.list(`${root}/none`)).toBeUndefined();
    await disk.remove(`${root}/none/below`);
  });

  it("folders: made with those above, listed in order, renamed, removed with all they hold", async () => {
    const { disk, root } = await make();
    await disk.makeFolder(`${root}/a/b`);
    await disk.makeFolder(`${root}/a/b`);
    await writeWhole(disk, `${root}/a/b/2`, bytes(2));
    await writeWhole(disk, `${root}/a/b/1`, bytes(1));
    await disk.syncFolder(`${root}/a/b`);
    expect(await disk.list(`${root}/a/b`)).toEqual(["1", "2"]);
    await disk.rename(`${root}/a/b`, `${root}/a/c`);
    expect(await disk.list(`${root}/a`)).toEqual(["c"]);
    await disk.remove(`${root}/a`);
    expect(await disk.list(`${root}/a`)).toBeUndefined();
  });

  it("removing what is empty: a folder with something in it stays, an empty one goes, nothing there is fine", async () => {
    const { disk, root } = await make();
    await disk.makeFolder(`${root}/a/b`);
    await disk.removeIfEmpty(`${root}/a`);
    expect(await disk.list(`${root}/a`)).toEqual(["b"]);
    await disk.removeIfEmpty(`${root}/a/b`);
    await disk.removeIfEmpty(`${root}/a`);
    await disk.removeIfEmpty(`${root}/a`);
    expect(await disk.list(`${root}/a`)).toBeUndefined();
  });

  it("a file renamed or written over another: the other is gone", async () => {
    const { disk, root } = await make();
    await disk.makeFolder(`${root}/a`);
    await writeWhole(disk, `${root}/a/f`, bytes(1, 2, 3));
    await replaceWhole(disk, `${root}/a`, "f", bytes(4));
    expect([...((await readWhole(disk, `${root}/a/f`)) ?? [])]).toEqual([4]);
    expect(await disk.list(`${root}/a`)).toEqual(["f"]);
  });

  it("a folder renamed onto a folder with files: refused, both stay", async () => {
    const { disk, root } = await make();
    for (const name of ["a", "b"]) {
      await disk.makeFolder(`${root}/${name}`);
      await writeWhole(disk, `${root}/${name}/f`, bytes(1));
    }
    await expect(disk.rename(`${root}/a`, `${root}/b`)).rejects.toMatchObject({ code: "disk-failed" });
    expect(await disk.list(`${root}/a`)).toEqual(["f"]);
  });

  it("a link: leads to a folder beside it, and is replaced", async () => {
    const { disk, root } = await make();
    for (const [name, value] of [["a", 1] as const, ["b", 2] as const]) {
      await disk.makeFolder(`${root}/${name}`);
      await writeWhole(disk, `${root}/${name}/f`, bytes(value));
      await disk.link(name, `${root}/final`);
    }
    expect([...((await readWhole(disk, `${root}/final/f`)) ?? [])]).toEqual([2]);
    await disk.remove(`${root}/final`);
    expect(await disk.list(`${root}/b`)).toEqual(["f"]);
  });

  it("a file where a folder is needed: out-occupied; a folder where a file is: disk-failed, each with the path", async () => {
    const { disk, root } = await make();
    await writeWhole(disk, `${root}/f`, bytes(1));
    await disk.makeFolder(`${root}/a`);
    await expect(disk.makeFolder(`${root}/f/g`)).rejects.toMatchObject({ code: "out-occupied", facts: { dir: `${root}/f/g` } });
    await expect(disk.makeFolder(`${root}/f`)).rejects.toMatchObject({ code: "out-occupied" });
    await expect(disk.open(`${root}/a`)).rejects.toMatchObject({ code: "disk-failed", facts: { path: `${root}/a` } });
    await expect(disk.open(`${root}/none/f`)).rejects.toMatchObject({ code: "disk-failed" });
  });
});

describe("the disk in memory, when it is full", () => {
  it("takes what fits, then says disk-full, and what it took is there", async () => {
    const disk = Object.assign(new MemoryDisk(), { room: 5 });
    await using(await disk.open("/f"), async (file) => {
      await expect(writeAll(file, 0, bytes(1, 2, 3, 4, 5, 6, 7, 8))).rejects.toMatchObject({ code: "disk-full" });
      expect(await file.size()).toBe(5);
    });
  });
});
