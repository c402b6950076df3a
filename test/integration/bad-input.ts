/** What the tests of bad input share: bin/babelgrad as a process, the smallest run, and what every failure must look like. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";
import { type ErrorCode, errors } from "../../src/base/errors.ts";

interface Ended {
  readonly status: number | null;
  readonly events: readonly Readonly<Record<string, unknown>>[];
  readonly err: string;
}

interface Started {
  readonly child: ChildProcess;
  /** Resolves to the first event of this name; fails when the process ends without it. */
  event(name: string): Promise<Readonly<Record<string, unknown>>>;
  readonly ended: Promise<Ended>;
}

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  /** Every file may have so many KiB: what a full disk is to one process. */
  readonly fileLimit?: number;
  /** The folder whose bin/babelgrad it is; this project's when not given. */
  readonly root?: string;
}

const project = fileURLToPath(new URL("../../", import.meta.url));

const children: ChildProcess[] = [];
const folders: string[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Starts `bin/babelgrad ARGS --json`; killed at the end of the test file if it still runs. */
export function start(args: readonly string[], { env = {}, fileLimit, root = project }: Surroundings = {}): Started {
  const limit = fileLimit === undefined ? "" : `ulimit -f ${fileLimit}; `;
  const command = [process.execPath, join(root, "bin", "babelgrad"), ...args, "--json"];
  const child = spawn("bash", ["-c", `${limit}exec "$@"`, "bash", ...command], { env: { ...process.env, ...env } });
  children.push(child);
  const events: Record<string, unknown>[] = [];
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const waiting: { readonly name: string; readonly take: (event: Record<string, unknown>) => void }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const event = JSON.parse(line) as Record<string, unknown>; // proof: --json prints one a line
    events.push(event);
    for (const { take } of waiting.filter(({ name }) => name === event["event"])) take(event);
  });
  const ended = once(child, "close").then(() => ({ status: child.exitCode, events, err }));
  return {
    child,
    ended,
    event: (name) =>
      new Promise((resolve, reject) => {
        const before = events.find((event) => event["event"] === name);
        if (before !== undefined) return resolve(before);
        waiting.push({ name, take: resolve });
        void ended.then(() => reject(new Error(`it ended without ${name}: ${err}`)));
      }),
  };
}

export function run(args: readonly string[], surroundings?: Surroundings): Promise<Ended> {
  return start(args, surroundings).ended;
}

/**
 * The failure that the last line of --json names, and standard error once: its code, the exit status of the errors
 * table, `says` in what happened, and no stack trace.
 */
export function expectFailure({ status, events, err }: Ended, code: ErrorCode, ...says: readonly string[]): void {
  expect(events.at(-1), err).toMatchObject({ event: "failed", code, exit: errors[code].exit });
  expect(status).toBe(errors[code].exit);
  const shown = err.split("\n").filter((line) => line.startsWith(`${code}: `));
  expect(shown.length, err).toBe(1);
  for (const text of says) expect(err).toContain(text);
  expect(err).not.toMatch(/^ {4}at /m);
  expect(err).not.toMatch(/This is a bug|\{\w+\}/);
}

/** What a run ended with; fails when it did not finish. */
export function weightsOf({ status, events, err }: Ended): string {
  expect(events.at(-1), err).toMatchObject({ event: "finished" });
  expect(status).toBe(0);
  return String(events.at(-1)?.["weightsSha256"]);
}

export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-bad-input-"));
  folders.push(folder);
  return folder;
}

/** The smallest run that is one: a text of our own, 8,000 parameters, six steps of two leaves. */
export function writeTinyRun(folder: string): string {
  const lines = Array.from({ length: 12 }, (_, i) => `The ${i}th line says that all human beings are born free and equal.`);
  writeFileSync(join(folder, "en.txt"), `${lines.join("\n")}\n`);
  const file = join(folder, "tiny.yaml");
  writeFileSync(
    file,
    `data:
  inputs: [en.txt]
  documents: line
  tokenizer: bytes
model:
  layers: 1
  heads: 2
  width: 16
  context: 16
step:
  leaves: 2
  sequences: 2
optimizer:
  schedule: constant
  horizon: 100
mixture:
  budget: 100
  epochs: 1000
validate:
  every: 0
sample:
  tokens: 1
workers:
  count: 1
steps: 6
`,
  );
  return file;
}

export function sets(settings: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.entries(settings).flatMap(([path, value]) => ["--set", `${path}=${value}`]);
}
