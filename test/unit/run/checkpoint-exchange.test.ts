import { describe, expect, it } from "vitest";
import type { Disk } from "../../../src/base/disk.ts";
import type { BabelgradError } from "../../../src/base/errors.ts";
import { type WorkerId, workerId } from "../../../src/base/ids.ts";
import { checkpointExchange } from "../../../src/coordinator/io/checkpoint-exchange.ts";
import type { StateSink } from "../../../src/wire/io/state-transfer.ts";
import { MemoryDisk } from "../../contract/checkpoint/memory-disk.ts";
import { aboutOf, lineageOf, openStore, vectorOf } from "../checkpoint/sample-checkpoint.ts";

const [w1, w2] = [workerId("w1"), workerId("w2")];
const at = (step: number) => ({ step, lineage: lineageOf(step) });

async function exchangeOn(disk: Disk, patienceMs?: number) {
  const warnings: string[] = [];
  const reports: BabelgradError[] = [];
  const exchange = checkpointExchange({
    store: await openStore(disk, "/run", 3, reports),
    newest: undefined,
    initial: undefined,
    stateBytes: 3 * 4 * 22,
    about: ({ step }) => aboutOf(step),
    warn: (what) => warnings.push(what),
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  return { exchange, warnings, reports, sink: (step: number, worker: WorkerId) => exchange.sink(step, worker) };
}

/** What a worker's PUT does to the sink. */
async function send(sink: StateSink | undefined, step: number): Promise<void> {
  if (sink === undefined) throw new Error("no state is expected");
  const bytes = Buffer.concat(([0, 1, 2] as const).map((vector) => Buffer.from(vectorOf(step, vector).buffer)));
  expect(sink.bytes).toBe(bytes.length);
  for (let start = 0; start < bytes.length; start += 50) await sink.write(start, bytes.subarray(start, start + 50));
  await sink.finish();
}

describe("a checkpoint", () => {
  it("that arrives before the disk has made its files: is taken, not refused", async () => {
    const disk = new MemoryDisk();
    const { exchange, sink } = await exchangeOn(disk);
    const received = exchange.receive(at(4), w1);
    // In the same turn: the worker was asked already.
    const sent = send(sink(4, w1), 4);
    expect(await received).toMatchObject({ step: 4 });
    await sent;
    expect(exchange.newestManifest?.step).toBe(4);
    expect(exchange.source(4)?.bytes).toBe(264);
    await exchange.close();
  });

  it("asked of another because the first is lost: the first's remains do no harm to the second's", async () => {
    const { exchange, sink, warnings } = await exchangeOn(new MemoryDisk());
    const first = exchange.receive(at(4), w1);
    const lost = sink(4, w1);
    await lost?.write(0, new Uint8Array(8));
    const second = exchange.receive(at(4), w2);
    expect(await first).toBeUndefined();
    await expect(lost?.write(8, new Uint8Array(8))).rejects.toThrow("not expected any more");
    await lost?.abandon("its connection broke");
    await send(sink(4, w2), 4);
    expect(await second).toMatchObject({ step: 4 });
    expect(warnings).toEqual(["checkpoint of step 4 from w1 is given up: it was asked for anew"]);
    await exchange.close();
  });

  it("sent twice at once: one of the two is taken", async () => {
    const { exchange, sink } = await exchangeOn(new MemoryDisk());
    const received = exchange.receive(at(4), w1);
    const first = sink(4, w1);
    expect(sink(4, w1)).toBeUndefined();
    expect(sink(4, w2)).toBeUndefined();
    await send(first, 4);
    expect(await received).toMatchObject({ step: 4 });
    await exchange.close();
  });

  it("that comes after its successor: is kept, but the successor stays the newest", async () => {
    const { exchange, sink } = await exchangeOn(new MemoryDisk());
    const [slow, fast] = [exchange.receive(at(2), w1), exchange.receive(at(4), w2)];
    await send(sink(4, w2), 4);
    await fast;
    await send(sink(2, w1), 2);
    expect(await slow).toMatchObject({ step: 2 });
    expect(exchange.newestManifest?.step).toBe(4);
    await exchange.close();
  });

  it("after checkpoint, faster than the disk takes them: all are taken, the newest three kept, nothing to report", async () => {
    const disk = new MemoryDisk();
    const { exchange, sink, warnings, reports } = await exchangeOn(disk);
    const steps = [1, 2, 3, 4, 5, 6, 7, 8];
    const received = steps.map((step) => exchange.receive(at(step), w1));
    await Promise.all(steps.map((step) => send(sink(step, w1), step)));
    expect((await Promise.all(received)).map((manifest) => manifest !== undefined && "step" in manifest && manifest.step)).toEqual(steps);
    expect([...warnings, ...reports]).toEqual([]);
    expect(await disk.list("/run/checkpoints")).toEqual(["step-000006", "step-000007", "step-000008"]);
    expect(exchange.source(8)?.bytes).toBe(264);
    await exchange.close();
  });

  it("that nobody sends: is given up", async () => {
    const { exchange, warnings } = await exchangeOn(new MemoryDisk(), 1);
    expect(await exchange.receive(at(4), w1)).toBeUndefined();
    expect(warnings).toEqual(["checkpoint of step 4 from w1 is given up: nothing of it came for 0.001 s"]);
    await exchange.close();
  });

  it("that the disk has no room for: is given up with disk-full; sent again when there is room, it is taken", async () => {
    const disk = new MemoryDisk();
    const { exchange, sink, warnings } = await exchangeOn(disk);
    const attempt = async () => {
      const received = exchange.receive(at(4), w1);
      await send(sink(4, w1), 4).catch(() => undefined);
      return received;
    };
    disk.room = 600;
    expect(await attempt()).toMatchObject({ code: "disk-full" });
    expect(warnings).toHaveLength(1);
    expect(await disk.list("/run/checkpoints")).toEqual([]);
    disk.room = Number.POSITIVE_INFINITY;
    expect(await attempt()).toMatchObject({ step: 4 });
    await exchange.close();
  });

  it("on its way when the run ends: nothing of it is left", async () => {
    const disk = new MemoryDisk();
    const { exchange, sink } = await exchangeOn(disk);
    const received = exchange.receive(at(4), w1);
    await sink(4, w1)?.write(0, new Uint8Array(8));
    await exchange.close();
    expect(await received).toBeUndefined();
    expect(await disk.list("/run/checkpoints")).toEqual([]);
  });
});
