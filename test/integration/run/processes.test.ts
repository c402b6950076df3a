import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realDisk } from "../../../src/checkpoint/io/disk.ts";
import { RunDirectory } from "../../../src/coordinator/io/run-directory.ts";
import { lockRun } from "../../../src/coordinator/io/run-lock.ts";
import { openStore } from "../../unit/checkpoint/sample-checkpoint.ts";

const standIn = fileURLToPath(new URL("./coordinator-stand-in.ts", import.meta.url));
let folder = "";
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(`${tmpdir()}/babelgrad-run-`);
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await rm(folder, { recursive: true });
});

/** Runs the stand-in; `blocks` limits every file to so many KiB, as a disk that is full would. */
function start(task: "hold" | "fill" | "checkpoint", blocks?: number): ChildProcess {
  const limit = blocks === undefined ? "" : `ulimit -f ${blocks}; `;
  const command = `${limit}exec "$0" --import ./test/typescript-loader.mjs "$1" "$2" "$3"`;
  const child = spawn("bash", ["-c", command, process.execPath, standIn, folder, task], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}

async function linesUntilExit(child: ChildProcess): Promise<{ readonly lines: readonly string[]; readonly code: unknown }> {
  const lines: string[] = [];
  createInterface({ input: child.stdout ?? process.stdin }).on("line", (line) => lines.push(line));
  const [code] = await once(child, "close");
  return { lines, code };
}

describe("a run directory that another process has", () => {
  it("is refused with that process's id; taken as soon as it is killed", async () => {
    const holder = start("hold");
    await once(createInterface({ input: holder.stdout ?? process.stdin }), "line");
    const second = await linesUntilExit(start("fill"));
    expect(second.lines.join("\n")).toMatch(new RegExp(`^run-locked: process ${holder.pid} has ${folder}\n`));
    expect(second.code).toBe(75);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    const directory = await RunDirectory.take(realDisk, folder);
    expect(directory.run?.config).toBe("seed: 1\n");
    await directory.release();
  });
});

describe("a lock", () => {
  it("taken twice by one process: refused the second time, free after the release", async () => {
    const lock = await lockRun(realDisk, folder);
    await expect(lockRun(realDisk, folder)).rejects.toMatchObject({
      code: "run-locked",
      message: `process ${process.pid}, which is this one, has ${folder}`,
    });
    await lock.release();
    await (await lockRun(realDisk, folder)).release();
  });

  it.each([
    ["a process whose id a later process has", (name: string) => `${name}1`, "taken"],
    ["a process before the last boot", (name: string) => name.replace(/^(\S+) \w{8}/, "$1 00000000"), "taken"],
    ["a process of another host", (name: string) => `elsewhere-${name}`, "refused"],
    ["nobody that can be read", () => "lost+found", "refused"],
  ])("left by %s: %s", async (_, edit, outcome) => {
    const lock = await lockRun(realDisk, folder);
    const [name = ""] = await readdir(`${folder}/lock`);
    await rename(`${folder}/lock/${name}`, `${folder}/lock/${edit(name)}`);
    const found = await lockRun(realDisk, folder).then(
      async (second) => {
        await second.release();
        return "taken";
      },
      (error: unknown) => {
        expect(error).toMatchObject({ code: "run-locked", facts: { path: `${folder}/lock/${edit(name)}` } });
        return "refused";
      },
    );
    expect(found).toBe(outcome);
    await lock.release();
  });
});

describe("a limit of file size that the log reaches", () => {
  it("stops with disk-full and no stack trace; log and checkpoint before it are whole, and the next start goes on", async () => {
    const first = await linesUntilExit(start("fill", 8));
    expect(first.code).toBe(1);
    const said = first.lines.join("\n");
    expect(said).toMatch(new RegExp(`\ndisk-full: cannot write ${folder}/log: no space \\(EFBIG\\)\n`));
    expect(said).not.toMatch(/\n\s+at /);
    const committed = first.lines.filter((line) => line.startsWith("committed")).length;
    expect(committed).toBeGreaterThan(4);
    const reports: unknown[] = [];
    const store = await openStore(realDisk, folder, 3, reports as never[]);
    const checkpoint = await store.newest();
    await checkpoint?.close();
    expect(checkpoint?.name).toBe("step-000002");
    expect(reports).toEqual([]);
    const second = await linesUntilExit(start("fill", 16));
    expect(second.lines[0]).toBe(`term 2, ${committed} steps`);
    expect(second.lines).toContain(`committed ${committed + 4}`);
  });
});

describe("a limit of file size that a checkpoint reaches", () => {
  it("gives the checkpoint up with disk-full: nothing of it is left, the one before is whole, and steps go on", async () => {
    const { lines } = await linesUntilExit(start("checkpoint", 64));
    expect(lines).toEqual([
      "stored 2",
      expect.stringMatching(/^disk-full: cannot write .*tokenizer.json: no space \(EFBIG\)$/),
      "committed 5",
    ]);
    expect(await readdir(`${folder}/checkpoints`)).toEqual(["step-000002"]);
    const checkpoint = await (await openStore(realDisk, folder)).newest();
    await checkpoint?.close();
    expect(checkpoint?.manifest.step).toBe(2);
  });
});
