import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { BabelgradError } from "../../../src/base/errors.ts";
import type { Digest } from "../../../src/base/ids.ts";
import { openCheckpoint, type Vector } from "../../../src/checkpoint/io/checkpoint.ts";
import { CheckpointStore } from "../../../src/checkpoint/io/store.ts";
import { readWhole, writeAll } from "../../../src/checkpoint/io/whole-file.ts";
import { MemoryDisk } from "../../contract/checkpoint/memory-disk.ts";
import { aboutOf, layout, lineageOf, openStore, sendVectors, vectorOf, writeCheckpoint } from "./sample-checkpoint.ts";

async function flip(disk: MemoryDisk, path: string, at: number): Promise<void> {
  const file = await disk.open(path);
  const [byte = 0] = await file.read(at, 1);
  await writeAll(file, at, Uint8Array.of(byte ^ 1));
  await file.close();
}

const namesOf = async (disk: MemoryDisk) => disk.list("/run/checkpoints");

describe("a checkpoint that was written", () => {
  it("is read as it was sent, bit by bit, and says what it is", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run");
    const manifest = await writeCheckpoint(store, 200);
    const checkpoint = await store.newest();
    expect(checkpoint?.name).toBe("step-000200");
    expect(checkpoint?.manifest).toEqual(manifest);
    expect(manifest).toMatchObject({ step: 200, lineage: lineageOf(200), sequences: { de: 600, is: 200 }, run: "run-1" });
    expect(manifest.weightsSha256).toBe(
      createHash("sha256")
        .update(new Uint8Array(vectorOf(200, 0).buffer))
        .digest("hex"),
    );
    for (const vector of [0, 1, 2] as const) expect(await checkpoint?.read(vector)).toEqual(vectorOf(200, vector));
    expect(await checkpoint?.readBytes(2, 8, 1000)).toEqual(new Uint8Array(vectorOf(200, 2).buffer).slice(8));
    await checkpoint?.close();
    expect(await disk.list("/run/final")).toEqual(["manifest.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json"]);
  });

  it("is safetensors: every parameter under its name and shape", async () => {
    const disk = new MemoryDisk();
    await writeCheckpoint(await openStore(disk, "/run"), 1);
    const bytes = (await readWhole(disk, "/run/checkpoints/step-000001/model.safetensors")) ?? new Uint8Array();
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect((8 + length) % 8).toBe(0);
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toEqual({
      __metadata__: { format: "pt" },
      "embed.weight": { dtype: "F32", shape: [3, 4], data_offsets: [0, 48] },
      "head.weight": { dtype: "F32", shape: [4, 2], data_offsets: [48, 80] },
      "head.bias": { dtype: "F32", shape: [2], data_offsets: [80, 88] },
    });
    expect(bytes.length).toBe(8 + length + 88);
  });

  it("of plain momentum: has an empty second moment", async () => {
    const disk = new MemoryDisk();
    const store = await CheckpointStore.open({
      disk,
      folder: "/run",
      layout,
      moments: 1,
      tokenizer: new Uint8Array(),
      keep: 1,
      report: () => undefined,
    });
    const writer = await store.begin(aboutOf(1));
    expect([0, 1, 2].map((vector) => writer.bytesOf(vector as Vector))).toEqual([88, 88, 0]);
    for (const vector of [0, 1] as const) await writer.write(vector, 0, new Uint8Array(vectorOf(1, vector).buffer));
    await writer.commit();
    const checkpoint = await store.newest();
    expect(await checkpoint?.read(1)).toEqual(vectorOf(1, 1));
    expect(await checkpoint?.read(2)).toEqual(new Float32Array(0));
  });

  it("of another model: refused with the first parameter that differs", async () => {
    const store = await openStore(new MemoryDisk(), "/run");
    await writeCheckpoint(store, 1);
    const checkpoint = await store.newest();
    checkpoint?.requireLayout(layout);
    expect(() => checkpoint?.requireLayout([{ name: "embed.weight", shape: [3, 8], offset: 0 }])).toThrow(
      "step-000001 has embed.weight [3, 4] where the model has embed.weight [3, 8]",
    );
  });

  it("with other weights than their sender says: refused, and nothing of it is left", async () => {
    const disk = new MemoryDisk();
    const writer = await (await openStore(disk, "/run")).begin(aboutOf(7));
    await sendVectors(writer, 7);
    await expect(writer.commit("0".repeat(64) as Digest)).rejects.toMatchObject({ code: "checkpoint-corrupt" });
    expect(await namesOf(disk)).toEqual([]);
  });
});

describe("damage", () => {
  const files = ["model.safetensors", "optimizer.safetensors", "tokenizer.json", "manifest.json"];
  it.each(files)("a flipped byte in %s: reported with file and hashes, the checkpoint before is taken", async (file) => {
    const disk = new MemoryDisk();
    const reports: BabelgradError[] = [];
    const store = await openStore(disk, "/run", 3, reports);
    for (const step of [100, 200]) await writeCheckpoint(store, step);
    const path = `/run/checkpoints/step-000200/${file}`;
    const size = (await readWhole(disk, path))?.length ?? 0;
    for (let at = 0; at < size; at += Math.max(1, Math.floor(size / 16))) {
      reports.length = 0;
      await flip(disk, path, at);
      const checkpoint = await store.newest();
      // A flipped blank between two fields of the manifest says nothing else than before, or is no JSON any more.
      if (file !== "manifest.json" || checkpoint?.name !== "step-000200") {
        expect(checkpoint?.name).toBe("step-000100");
        expect(reports.map((r) => [r.code, r.message.includes(`step-000200/${file}`), r.facts["folder"]])).toEqual([
          ["checkpoint-corrupt", true, "/run/checkpoints/step-000200"],
        ]);
        expect(reports[0]?.message).toMatch(/Going on from step-000100$/);
        if (file !== "manifest.json") expect(reports[0]?.message).toMatch(/has sha256 [0-9a-f]{64}, its manifest says [0-9a-f]{64}/);
      }
      await flip(disk, path, at);
    }
    expect((await store.newest())?.name).toBe("step-000200");
  });

  it("a flipped digit of the manifest's step: found", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run");
    await writeCheckpoint(store, 200);
    const path = "/run/checkpoints/step-000200/manifest.json";
    const text = new TextDecoder().decode(await readWhole(disk, path));
    await flip(disk, path, text.indexOf("200"));
    await expect(store.newest()).rejects.toMatchObject({ code: "checkpoint-corrupt" });
  });

  it.each(files)("%s missing: the one before is taken", async (file) => {
    const disk = new MemoryDisk();
    const reports: BabelgradError[] = [];
    const store = await openStore(disk, "/run", 3, reports);
    for (const step of [100, 200]) await writeCheckpoint(store, step);
    await disk.remove(`/run/checkpoints/step-000200/${file}`);
    expect((await store.newest())?.name).toBe("step-000100");
    expect(reports).toHaveLength(1);
  });

  it("a file that the disk cannot read: is damaged", async () => {
    const disk = new MemoryDisk();
    const reports: BabelgradError[] = [];
    const store = await openStore(disk, "/run", 3, reports);
    for (const step of [100, 200]) await writeCheckpoint(store, step);
    disk.fault = (doing, path) => (doing === "read" && path.includes("step-000200/model") ? "EIO" : undefined);
    expect((await store.newest())?.name).toBe("step-000100");
    expect(reports[0]?.message).toMatch(/step-000200\/model.safetensors \(EIO\). Going on from step-000100/);
  });

  it("all are damaged: an error that names each, and nothing is removed", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run");
    for (const step of [100, 200]) {
      await writeCheckpoint(store, step);
      await flip(disk, `/run/checkpoints/step-000${step}/model.safetensors`, 300);
    }
    await expect(store.newest()).rejects.toThrow(
      /step-000200\/model.*step-000100\/model.*No checkpoint is left to go on from; nothing was removed/,
    );
    expect(await namesOf(disk)).toEqual(["step-000100", "step-000200"]);
  });

  it("a checkpoint that the log does not know: reported, an older one is taken", async () => {
    const reports: BabelgradError[] = [];
    const store = await openStore(new MemoryDisk(), "/run", 3, reports);
    for (const step of [100, 200]) await writeCheckpoint(store, step);
    expect((await store.newest((manifest) => manifest.step <= 150))?.name).toBe("step-000100");
    expect(reports.map(({ code }) => code)).toEqual(["checkpoint-unknown"]);
    await expect(store.newest(() => false)).rejects.toMatchObject({ code: "checkpoint-unknown" });
  });

  it("no checkpoint yet: undefined, nothing reported", async () => {
    const reports: BabelgradError[] = [];
    expect(await (await openStore(new MemoryDisk(), "/run", 3, reports)).newest()).toBeUndefined();
    expect(reports).toEqual([]);
  });
});

describe("retention", () => {
  it("keeps the newest and removes the oldest", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run", 2);
    for (const step of [1, 2, 999_999, 1_000_000]) await writeCheckpoint(store, step);
    expect(await namesOf(disk)).toEqual(["step-1000000", "step-999999"]);
    expect((await store.newest())?.name).toBe("step-1000000");
  });

  it("counts whole ones only: a damaged one does not push the last whole one out", async () => {
    const disk = new MemoryDisk();
    const first = await openStore(disk, "/run", 2);
    for (const step of [1, 2]) await writeCheckpoint(first, step);
    await flip(disk, "/run/checkpoints/step-000002/model.safetensors", 300);
    const store = await openStore(disk, "/run", 2);
    await writeCheckpoint(store, 3);
    expect(await namesOf(disk)).toEqual(["step-000001", "step-000002", "step-000003"]);
    await writeCheckpoint(store, 4);
    expect(await namesOf(disk)).toEqual(["step-000003", "step-000004"]);
  });

  it("a step that is written again: replaces what was there", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run", 2);
    for (const step of [1, 2]) await writeCheckpoint(store, step);
    await flip(disk, "/run/checkpoints/step-000002/model.safetensors", 300);
    await writeCheckpoint(store, 2);
    expect((await store.newest())?.name).toBe("step-000002");
    expect(await namesOf(disk)).toEqual(["step-000001", "step-000002"]);
  });

  it("a checkpoint behind others: is kept, though it is not among the newest", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run", 1);
    await writeCheckpoint(store, 300);
    await writeCheckpoint(store, 200);
    expect(await namesOf(disk)).toEqual(["step-000200", "step-000300"]);
  });
});

describe("a disk that fails", () => {
  it("full at any byte: the checkpoint is given up, its files are gone, the one before is whole and the next is written", async () => {
    for (let room = 0; ; room += 97) {
      const disk = new MemoryDisk();
      const store = await openStore(disk, "/run");
      await writeCheckpoint(store, 100);
      disk.room = room;
      const outcome = await writeCheckpoint(store, 200).then(
        () => "written",
        (error: unknown) => (error instanceof BabelgradError ? error.code : error),
      );
      if (outcome === "written") {
        expect(room).toBeGreaterThan(500);
        return;
      }
      expect(outcome).toBe("disk-full");
      expect(await namesOf(disk)).toEqual(["step-000100"]);
      disk.room = Number.POSITIVE_INFINITY;
      expect((await store.newest())?.name).toBe("step-000100");
      await writeCheckpoint(store, 300);
      expect((await store.newest())?.name).toBe("step-000300");
    }
  });

  it("a sync that fails: the checkpoint is given up", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run");
    await writeCheckpoint(store, 100);
    disk.fault = (doing, path) => (doing === "sync" && path.includes("step-000200/optimizer") ? "EIO" : undefined);
    await expect(writeCheckpoint(store, 200)).rejects.toMatchObject({ code: "disk-failed", message: expect.stringContaining("EIO") });
    expect(await namesOf(disk)).toEqual(["step-000100"]);
  });

  it("an old one that cannot be removed: reported, the new one counts", async () => {
    const disk = new MemoryDisk();
    const reports: BabelgradError[] = [];
    const store = await openStore(disk, "/run", 1, reports);
    await writeCheckpoint(store, 100);
    disk.fault = (doing, path) => (doing === "remove" && path.endsWith("/step-000100") ? "EPERM" : undefined);
    await writeCheckpoint(store, 200);
    expect(reports.map(({ code }) => code)).toEqual(["disk-failed"]);
    expect((await store.newest())?.name).toBe("step-000200");
  });
});

describe("a folder that is no checkpoint", () => {
  it("what a stopped process left: cleared, or put back where its successor never came", async () => {
    const disk = new MemoryDisk();
    const store = await openStore(disk, "/run");
    for (const step of [1, 2]) await writeCheckpoint(store, step);
    await disk.rename("/run/checkpoints/step-000002", "/run/checkpoints/.replaced-step-000002");
    await disk.makeFolder("/run/checkpoints/.partial-step-000002");
    await openStore(disk, "/run");
    expect(await namesOf(disk)).toEqual(["step-000001", "step-000002"]);
  });

  it("opened by name: says in words what is wrong", async () => {
    expect(await openCheckpoint(new MemoryDisk(), "/nowhere")).toBe("nowhere has no manifest.json");
  });
});
