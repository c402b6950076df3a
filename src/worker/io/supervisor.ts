/**
 * Keeps local processes running: a child that dies by a signal or a crash is started again, one that ends with a coded
 * error is not, since it would fail the same way. Children hear of the supervisor's end by their closed IPC channel.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { ErrorCode } from "../../base/errors.ts";
import { isLibraryNoise } from "../../engine/library-noise.ts";
import { restartsVariable } from "../../telemetry/io/process-metrics.ts";

export interface ChildSpec {
  readonly name: string;
  /** The launcher and its arguments; asked for at each start, since a restarted child may be told more. */
  readonly launch: () => { readonly module: string; readonly args: readonly string[] };
  /** Whether a child that ended with "try again" (75) should be; it is when this is not given. */
  readonly isWorthAnotherTry?: () => boolean;
}

/** What the supervisor tells its children, the coordinator its supervisor, and each that failed with an error of the table. */
export type ChildMessage =
  | { readonly kind: "stop" }
  /** A line for people, for whoever has the terminal. */
  | { readonly kind: "say"; readonly line: string }
  /** The terminal's new size: a child in a session of its own is not told by the system. */
  | { readonly kind: "resized"; readonly columns: number; readonly rows: number }
  /** A step was committed, or who takes part has changed. */
  | { readonly kind: "progress"; readonly step: number; readonly members: readonly string[] }
  | {
      readonly kind: "listening";
      readonly port: number;
      /** The run directory: another than the one asked for when the run was forked. */
      readonly folder: string;
      readonly tokenFile: string;
      readonly dataFolder: string;
    }
  | {
      readonly kind: "failed";
      readonly code: ErrorCode;
      readonly what: string;
      readonly facts: Readonly<Record<string, string>>;
      readonly cause: string | undefined;
    };

export interface SupervisorHandlers {
  readonly onMessage: (name: string, message: ChildMessage) => void;
  readonly onStart: (name: string, pid: number) => void;
  readonly onRestart: (name: string, why: string, restarts: number) => void;
  /** It wrote a line on its standard error. */
  readonly onErrorLine: (name: string, line: string) => void;
  /** The child ended for good: with 0, with a coded error, or by what it is not started again after. */
  readonly onEnd: (name: string, end: ChildEnd) => void;
}

export interface ChildEnd {
  /** Undefined: a signal ended it. */
  readonly code: number | undefined;
  /** For a message: the status or the signal. */
  readonly why: string;
}

/** Crashes without a pause of a minute between them after which a child is given up. */
const crashesMax = 20;
const exitsOfLastingErrors: ReadonlySet<number> = new Set([0, 1, 2]);
const tryAgain = 75;

export class Supervisor {
  readonly #handlers: SupervisorHandlers;
  readonly #children = new Map<string, ChildProcess>();
  #isStopping = false;

  constructor(handlers: SupervisorHandlers) {
    this.#handlers = handlers;
  }

  start(spec: ChildSpec): void {
    void this.#keep(spec);
  }

  get running(): readonly string[] {
    return [...this.#children.keys()];
  }

  /** Starts nothing again from now on. */
  holdRestarts(): void {
    this.#isStopping = true;
  }

  /** False: there is nobody to tell. */
  tell(name: string, message: ChildMessage): boolean {
    const child = this.#children.get(name);
    if (child?.connected !== true) return false;
    // It may die before it reads this, and its end is told anyway.
    child.send(message, () => undefined);
    return true;
  }

  /** Kills one as a crash would: it is started again. False: it does not run. */
  killOne(name: string): boolean {
    return this.#children.get(name)?.kill("SIGKILL") ?? false;
  }

  kill(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    for (const child of this.#children.values()) child.kill(signal);
  }

  async #keep(spec: ChildSpec): Promise<void> {
    let crashes: number[] = [];
    for (let restarts = 0; ; restarts++) {
      const end = await this.#runOnce(spec, restarts);
      const isHopeless = end.code === tryAgain && spec.isWorthAnotherTry?.() === false;
      const isLasting = isHopeless || (end.code !== undefined && exitsOfLastingErrors.has(end.code));
      const now = performance.now();
      crashes = [...crashes.filter((at) => now - at < 60_000), now];
      if (isLasting || this.#isStopping || crashes.length > crashesMax) return this.#handlers.onEnd(spec.name, end);
      this.#handlers.onRestart(spec.name, end.why, restarts + 1);
      await sleep(crashes.length > 3 ? 1000 : 0);
      if (this.#isStopping) return this.#handlers.onEnd(spec.name, end);
    }
  }

  #runOnce({ name, launch }: ChildSpec, restarts: number): Promise<ChildEnd> {
    return new Promise((resolve) => {
      const { module, args } = launch();
      // In a group of its own: Ctrl-C in a terminal reaches the supervisor alone, which asks in order.
      const child = fork(module, args, {
        stdio: ["ignore", "inherit", "pipe", "ipc"],
        serialization: "json",
        detached: true,
        env: { ...process.env, [restartsVariable]: String(restarts) },
      });
      this.#children.set(name, child);
      if (child.pid !== undefined) this.#handlers.onStart(name, child.pid);
      child.on("message", (message) => this.#handlers.onMessage(name, message as ChildMessage)); // a child of this version sends nothing else
      const ended = (code: number | null, why: string): void => {
        this.#children.delete(name);
        resolve({ code: code ?? undefined, why });
      };
      if (child.stderr !== null)
        createInterface({ input: child.stderr }).on("line", (line) => isLibraryNoise(line) || this.#handlers.onErrorLine(name, line));
      // Its last words are read before its end is told.
      child.on("close", (code: number | null, signal: NodeJS.Signals | null) => ended(code, signal ?? `status ${code}`));
      child.on("error", (error) => {
        if (child.pid === undefined) ended(null, error.message); // it could not be started
      });
    });
  }
}
