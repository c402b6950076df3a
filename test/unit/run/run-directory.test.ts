import { describe, expect, it } from "vitest";
import { readWhole, writeWhole } from "../../../src/checkpoint/io/whole-file.ts";
import { MetricsFile } from "../../../src/coordinator/io/metrics-file.ts";
import { RunDirectory } from "../../../src/coordinator/io/run-directory.ts";
import { type RunAbout, requireSameClass, requireSameResult } from "../../../src/coordinator/run-identity.ts";
import type { NumericClass } from "../../../src/engine/trainer.ts";
import { Crashed, MemoryDisk } from "../../contract/checkpoint/memory-disk.ts";
import { digest, run, stepRecord } from "./sample-records.ts";

const about: RunAbout = { version: 1, run, resultOptions: digest("o"), manifest: digest("m") };
const cpu: NumericClass = {
  digest: digest("cpu"),
  probe: digest("p"),
  backend: "tensorflow",
  device: "Xeon",
  tensorflow: "2.9.1",
  threads: 1,
  flags: "",
};
const gpu: NumericClass = { ...cpu, digest: digest("gpu"), device: "H100", flags: "TF_CUDNN_DETERMINISTIC=1" };

async function made(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const directory = await RunDirectory.take(disk, "/runs/a");
  await directory.create(about, "seed: 3\n");
  await directory.release();
  return disk;
}

describe("a run directory", () => {
  it("that is not there: is made and holds no run until one is created", async () => {
    const disk = new MemoryDisk();
    const directory = await RunDirectory.take(disk, "/runs/a");
    expect(directory.run).toBeUndefined();
    await directory.create(about, "seed: 3\n");
    expect(directory.run).toEqual({ about, config: "seed: 3\n" });
    await directory.release();
    expect((await RunDirectory.take(disk, "/runs/a")).run).toEqual({ about, config: "seed: 3\n" });
  });

  it("that holds something else: refused, with its name, and nothing of it is touched", async () => {
    const disk = new MemoryDisk();
    await disk.makeFolder("/home");
    await writeWhole(disk, "/home/config.yaml", new TextEncoder().encode("# mine"));
    await expect(RunDirectory.take(disk, "/home")).rejects.toMatchObject({
      code: "out-occupied",
      message: expect.stringContaining("config.yaml"),
    });
    expect(await disk.list("/home")).toEqual(["config.yaml"]);
  });

  it("that no run was made in: is gone again, unless something is in it", async () => {
    const disk = new MemoryDisk();
    await (await RunDirectory.take(disk, "/runs/a")).release();
    expect(await disk.list("/runs")).toEqual([]);
    await disk.makeFolder("/runs/b/data");
    await (await RunDirectory.take(disk, "/runs/b")).release();
    expect(await disk.list("/runs/b")).toEqual(["data"]);
  });

  it("whose making was cut off before run.json: is taken as no run", async () => {
    const disk = new MemoryDisk();
    await disk.makeFolder("/runs/a/data");
    for (const name of ["token", "log", "config.yaml", ".partial-run.json"]) await writeWhole(disk, `/runs/a/${name}`, new Uint8Array(1));
    expect((await RunDirectory.take(disk, "/runs/a")).run).toBeUndefined();
  });

  it("opened again and again: each life has the next term, on disk before it is told", async () => {
    const disk = await made();
    for (const term of [1, 2, 3]) {
      const directory = await RunDirectory.take(disk, "/runs/a");
      const opened = await directory.openLog(1000);
      expect([opened.term, opened.history.term, opened.history.committed, opened.torn]).toEqual([term, term, term - 1, undefined]);
      await opened.log.append(stepRecord(term - 1));
      await opened.log.close();
      await directory.release();
    }
  });

  it("with checkpoints: keeps whole records from the oldest on, as a replay may begin there", async () => {
    const disk = await made();
    const directory = await RunDirectory.take(disk, "/runs/a");
    const first = await directory.openLog(0);
    for (let step = 0; step < 6; step++) await first.log.append(stepRecord(step));
    for (const name of ["step-000003", "step-000005", ".partial-step-000001"]) await disk.makeFolder(`/runs/a/checkpoints/${name}`);
    const { history } = await directory.openLog(0);
    expect([2, 3, 5].map((step) => history.recordOf(step)?.step)).toEqual([undefined, 3, 5]);
  });

  it("on a full disk: no term is told", async () => {
    const disk = await made();
    const directory = await RunDirectory.take(disk, "/runs/a");
    disk.room = 10;
    await expect(directory.openLog(1000)).rejects.toMatchObject({ code: "disk-full" });
  });

  it("whose first worker joins: records the numeric class, admits its like and refuses another with both named", async () => {
    const disk = await made();
    const directory = await RunDirectory.take(disk, "/runs/a");
    await directory.admitClass(cpu);
    await directory.release();
    const again = await RunDirectory.take(disk, "/runs/a");
    expect(again.run?.about.numericClass).toEqual(cpu);
    await again.admitClass(cpu);
    await expect(again.admitClass(gpu)).rejects.toMatchObject({
      code: "class-differs",
      message: expect.stringMatching(/on Xeon,.*flags none.*on H100,.*TF_CUDNN/),
    });
  });

  it.each([
    ["run.json is cut", "run.json", '{"version":', "run-damaged"],
    ["run.json is of another version", "run.json", '{"version":2,"run":"r","resultOptions":"o","manifest":"m"}', "run-damaged"],
    ["config.yaml is missing", "config.yaml", undefined, "run-damaged"],
    ["run.json is missing and there are checkpoints", "run.json", undefined, "run-damaged"],
  ])("where %s: run-damaged, and it is free for the next who tries", async (_, name, text, code) => {
    const disk = await made();
    await disk.makeFolder("/runs/a/checkpoints/step-000100");
    if (text === undefined) await disk.remove(`/runs/a/${name}`);
    else await writeWhole(disk, `/runs/a/${name}`, new TextEncoder().encode(text));
    const facts = { path: `/runs/a/${name}` };
    for (let i = 0; i < 2; i++) await expect(RunDirectory.take(disk, "/runs/a")).rejects.toMatchObject({ code, facts });
  });

  it("whose log is missing: log-damaged, and no new log is made", async () => {
    const disk = await made();
    await disk.remove("/runs/a/log");
    const directory = await RunDirectory.take(disk, "/runs/a");
    await expect(directory.openLog(0)).rejects.toMatchObject({ code: "log-damaged", facts: { path: "/runs/a/log" } });
    expect(await readWhole(disk, "/runs/a/log")).toBeUndefined();
  });

  it("whose place is a file: out-occupied with the path", async () => {
    const disk = new MemoryDisk();
    await writeWhole(disk, "/runs", new Uint8Array(1));
    await expect(RunDirectory.take(disk, "/runs/a")).rejects.toMatchObject({ code: "out-occupied", facts: { dir: "/runs/a" } });
  });

  it("made while the machine goes down at any moment: holds the run or none, never half of one", async () => {
    let state = 7;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const seen = new Set<string>();
    for (let calls = 0; calls < 200; calls++) {
      const disk = new MemoryDisk();
      await disk.makeFolder("/runs/a/lock");
      for (const folder of ["/runs/a", "/runs", "/"]) await disk.syncFolder(folder);
      disk.callsLeft = calls % 40;
      const outcome = await RunDirectory.take(disk, "/runs/a")
        .then((directory) => directory.create(about, "seed: 3\n"))
        .then(
          () => "made" as const,
          (error: unknown) => {
            expect(error).toBeInstanceOf(Crashed);
            return "crashed" as const;
          },
        );
      const after = disk.afterCrash(random);
      await after.remove("/runs/a/lock");
      const directory = await RunDirectory.take(after, "/runs/a");
      if (outcome === "made") expect(directory.run?.config).toBe("seed: 3\n");
      if (directory.run === undefined) await directory.create(about, "seed: 3\n");
      expect((await directory.openLog(0)).term).toBe(1);
      seen.add(outcome);
    }
    expect([...seen].sort()).toEqual(["crashed", "made"]);
  });
});

describe("a run directory of another configuration", () => {
  it("is refused with each option that differs, both values, and the data", () => {
    requireSameResult("runs/a", about, about.manifest, []);
    const differences = [
      { option: "model.layers", was: 4, is: 6 },
      { option: "optimizer.kind", was: "adamw", is: "sgd" },
    ];
    expect(() => requireSameResult("runs/a", about, digest("n"), differences)).toThrow(
      `runs/a holds another run: model.layers is 6, the run has 4; optimizer.kind is "sgd", the run has "adamw"; data is "${digest("n")}", the run has "${digest("m")}"`,
    );
    expect(() => requireSameClass(cpu, { ...gpu, digest: cpu.digest })).not.toThrow();
  });
});

describe("metrics.jsonl", () => {
  it("goes on after its last whole line", async () => {
    const disk = new MemoryDisk();
    await writeWhole(disk, "/m", new TextEncoder().encode('{"step":0}\n{"st'));
    const metrics = new MetricsFile(disk, "/m", () => expect.unreachable());
    for (const step of [1, 2, 3]) metrics.append({ step });
    await metrics.close();
    expect(new TextDecoder().decode(await readWhole(disk, "/m"))).toBe('{"step":0}\n{"step":1}\n{"step":2}\n{"step":3}\n');
  });

  it("on a full disk: says so once and stops nothing; with room again it goes on", async () => {
    const disk = new MemoryDisk();
    const failures: unknown[] = [];
    const metrics = new MetricsFile(disk, "/m", (error) => failures.push(error));
    disk.room = 3;
    metrics.append({ step: 1 });
    await metrics.close();
    metrics.append({ step: 2 });
    await metrics.close();
    expect(failures).toMatchObject([{ code: "disk-full" }]);
    disk.room = 1000;
    metrics.append({ step: 3 });
    await metrics.close();
    expect(new TextDecoder().decode(await readWhole(disk, "/m"))).toBe('{"step":3}\n');
  });
});
