import { describe, expect, it } from "vitest";
import type { RunId } from "../../../src/base/ids.ts";
import { readWhole, writeWhole } from "../../../src/checkpoint/io/whole-file.ts";
import { RunLog } from "../../../src/coordinator/io/run-log.ts";
import type { RunRecord } from "../../../src/coordinator/run-records.ts";
import { MemoryDisk } from "../../contract/checkpoint/memory-disk.ts";
import { run, stepRecord } from "./sample-records.ts";

async function open(disk: MemoryDisk, id: RunId = run) {
  const records: RunRecord[] = [];
  return { ...(await RunLog.open(disk, "/log", id, (record) => records.push(record))), records };
}

/** A log of `count` steps; the byte at which each record ends. */
async function written(count: number): Promise<{ disk: MemoryDisk; ends: readonly number[] }> {
  const disk = new MemoryDisk();
  const { log } = await open(disk);
  const ends: number[] = [];
  for (let step = 0; step < count; step++) {
    await log.append(stepRecord(step));
    ends.push((await readWhole(disk, "/log"))?.length ?? 0);
  }
  await log.close();
  return { disk, ends };
}

async function changed(disk: MemoryDisk, change: (bytes: Uint8Array) => Uint8Array): Promise<MemoryDisk> {
  const after = new MemoryDisk();
  await writeWhole(after, "/log", change((await readWhole(disk, "/log")) ?? new Uint8Array()));
  return after;
}

describe("a log", () => {
  it("opened again: gives the records in order, and goes on", async () => {
    const { disk } = await written(3);
    const { log, records, torn } = await open(disk);
    expect(records).toEqual([0, 1, 2].map(stepRecord));
    expect(torn).toBeUndefined();
    await log.append(stepRecord(3));
    expect((await open(disk)).records).toHaveLength(4);
  });

  it("appended to without waiting: keeps the order of the calls", async () => {
    const disk = Object.assign(new MemoryDisk(), { writeMax: 100 });
    const { log } = await open(disk);
    await Promise.all([0, 1, 2, 3, 4].map((step) => log.append(stepRecord(step))));
    expect((await open(disk)).records).toEqual([0, 1, 2, 3, 4].map(stepRecord));
  });

  it("with a record longer than what is read at a time: gives it back whole", async () => {
    const disk = new MemoryDisk();
    const { log } = await open(disk);
    const long: RunRecord = { ...stepRecord(0), computations: Array.from({ length: 5_000_000 }, (_, i) => i % 3) };
    for (const record of [long, stepRecord(1)]) await log.append(record);
    const { records } = await open(disk);
    expect(JSON.stringify(records) === JSON.stringify([long, stepRecord(1)])).toBe(true);
  });

  it("cut anywhere in its last record: drops and reports the torn end, keeps the rest, goes on", async () => {
    const { disk, ends } = await written(3);
    for (let size = (ends[1] ?? 0) + 1; size < (ends[2] ?? 0); size++) {
      const cut = await changed(disk, (bytes) => bytes.slice(0, size));
      const { log, records, torn } = await open(cut);
      expect(torn).toEqual({ position: ends[1], bytes: size - (ends[1] ?? 0) });
      expect(records).toEqual([0, 1].map(stepRecord));
      await log.append(stepRecord(2));
      expect((await open(cut)).records).toEqual([0, 1, 2].map(stepRecord));
    }
  });

  it("with zeros where its last record was to be: drops them", async () => {
    const { disk, ends } = await written(3);
    const { records, torn } = await open(await changed(disk, (bytes) => bytes.fill(0, (ends[1] ?? 0) + 40)));
    expect([records.length, torn?.position]).toEqual([2, ends[1]]);
  });

  it("damaged before its last record, at any byte: log-damaged with the place, and nothing is changed", async () => {
    const { disk, ends } = await written(3);
    for (let at = 0; at < (ends[1] ?? 0); at++) {
      let bytesThen = new Uint8Array();
      const damaged = await changed(disk, (bytes) => {
        bytes[at] = (bytes[at] ?? 0) ^ 0x10;
        bytesThen = bytes.slice();
        return bytes;
      });
      await expect(open(damaged), `byte ${at}`).rejects.toMatchObject({ code: "log-damaged", facts: { path: "/log" } });
      expect(Buffer.compare((await readWhole(damaged, "/log")) ?? bytesThen.subarray(1), bytesThen)).toBe(0);
    }
  });

  it("with a record taken out: log-damaged", async () => {
    const { disk, ends } = await written(3);
    const [first = 0, second = 0] = ends;
    const without = await changed(disk, (bytes) => Uint8Array.from([...bytes.slice(0, first), ...bytes.slice(second)]));
    await expect(open(without)).rejects.toThrow(/record 1 at byte \d+ does not follow the one before it/);
  });

  it("of another run: log-damaged", async () => {
    const { disk } = await written(1);
    await expect(open(disk, "run-2" as RunId)).rejects.toMatchObject({ code: "log-damaged" });
  });

  it("with a record of a later version: log-damaged, not dropped", async () => {
    const disk = new MemoryDisk();
    const { log } = await open(disk);
    await log.append({ ...stepRecord(0), kind: "future" } as unknown as RunRecord);
    await expect(open(disk)).rejects.toThrow("of a kind that this version does not know");
  });
});

describe("a disk that fails under the log", () => {
  it("full: disk-full, every later append fails too, and what was appended before is there", async () => {
    const { disk } = await written(2);
    const { log } = await open(disk);
    disk.room = 50;
    await expect(log.append(stepRecord(2))).rejects.toMatchObject({ code: "disk-full" });
    disk.room = 1e6;
    await expect(log.append(stepRecord(2))).rejects.toMatchObject({ code: "disk-full" });
    await log.close();
    const again = await open(disk);
    expect([again.records.length, again.torn?.bytes]).toEqual([2, 50]);
  });

  it("a sync that fails: the append fails, and so does every later one, as nobody knows what is on disk", async () => {
    const { disk } = await written(1);
    const { log } = await open(disk);
    disk.fault = (doing) => (doing === "sync" ? "EIO" : undefined);
    await expect(log.append(stepRecord(1))).rejects.toMatchObject({ code: "disk-failed" });
    disk.fault = () => undefined;
    await expect(log.append(stepRecord(1))).rejects.toMatchObject({ code: "disk-failed" });
  });
});

describe("a log that is only read", () => {
  async function read(disk: MemoryDisk) {
    const records: RunRecord[] = [];
    const result = await RunLog.read(disk, "/log", run, (record) => records.push(record));
    return { result, records };
  }

  it("cut anywhere in its last record, as while it is written: gives the whole ones, tells the torn end, changes nothing", async () => {
    const { disk, ends } = await written(3);
    const [, second = 0, third = 0] = ends;
    for (let end = second + 1; end < third; end++) {
      const cut = await changed(disk, (bytes) => bytes.subarray(0, end));
      const { result, records } = await read(cut);
      expect(records).toEqual([0, 1].map(stepRecord));
      expect(result).toEqual({ torn: { position: second, bytes: end - second } });
      expect(await readWhole(cut, "/log")).toHaveLength(end);
    }
  });

  it("while records are appended: what was there is read, and the writer goes on undisturbed", async () => {
    const disk = new MemoryDisk();
    const { log } = await open(disk);
    await log.append(stepRecord(0));
    const [{ records, result }] = await Promise.all([read(disk), log.append(stepRecord(1)), log.append(stepRecord(2))]);
    expect(records).toEqual([0, 1, 2].slice(0, records.length).map(stepRecord));
    expect(result).toBeDefined();
    expect((await read(disk)).records).toEqual([0, 1, 2].map(stepRecord));
  });

  it("damaged inside: what was whole before it is given, then log-damaged", async () => {
    const { disk, ends } = await written(3);
    const broken = await changed(disk, (bytes) => bytes.map((byte, i) => (i === (ends[0] ?? 0) + 80 ? byte ^ 1 : byte)));
    const records: RunRecord[] = [];
    await expect(RunLog.read(broken, "/log", run, (record) => records.push(record))).rejects.toMatchObject({ code: "log-damaged" });
    expect(records).toEqual([stepRecord(0)]);
  });

  it("that is not there: undefined, and it is not made", async () => {
    const disk = new MemoryDisk();
    expect((await read(disk)).result).toBeUndefined();
    expect(await disk.list("/")).toEqual([]);
  });
});
