/**
 * A cluster that a scenario plays on: the simulator's world with fixed times and no chance. Each command of a scenario
 * gives the lines that must come out of it.
 */
import { assert, present } from "../../src/base/assert.ts";
import { type WorkerId, workerId } from "../../src/base/ids.ts";
import type { CoordinatorMessage, Frame } from "../../src/wire/messages.ts";
import { CoordinatorProcess } from "../simulation/coordinator-process.ts";
import { production } from "../simulation/simulate.ts";
import type { BlockValues } from "../simulation/values.ts";
import { WorkerProcess } from "../simulation/worker-process.ts";
import { type Machines, type RunSettings, World } from "../simulation/world.ts";

const machines: Machines = { ...production, isDiskFaulty: false };

const defaults = {
  leaves: 8,
  blocks: 3,
  steps: 2,
  workersMin: 1,
  validationLeaves: 0,
  validateEvery: 0,
  checkpointEvery: 0,
  sampleEvery: 0,
  skipsMax: 3,
  clipNorm: 1,
  graceMs: 500,
  timeoutMs: 2000,
  pingTimeoutMs: 2000,
};

/** What a scenario waits for happens within this time of its own, or never. */
const patienceMs = 120_000;

interface Hold {
  readonly from: string;
  readonly to: string;
  /** How the held messages begin; empty: all. */
  readonly text: string;
}

export class Stage {
  #world: World | undefined;
  #lines: string[] = [];
  #holds: Hold[] = [];
  readonly #delivered: { readonly from: string; readonly to: string; readonly message: unknown }[] = [];

  /** Carries out one command and returns what came of it. */
  perform(command: string): readonly string[] {
    this.#lines = [];
    const words = command.split(/\s+/);
    const [verb, ...rest] = words;
    const after = (text: string) => command.slice(command.indexOf(text) + text.length).trim();
    switch (verb) {
      case "cluster":
        this.#setUp(rest);
        break;
      case "start":
        for (const name of rest) this.#start(name);
        break;
      case "run":
        if (rest[0] === "until") this.#runUntil(after("until"));
        else if (rest[0] === "for") this.#runFor(Number.parseFloat(rest[1] ?? "") * 1000);
        else this.#runToTheEnd();
        break;
      case "skip":
        this.#runUntil(after("until"));
        this.#lines = this.#lines.slice(-1);
        break;
      case "kill":
        for (const name of rest) this.#process(name).die();
        break;
      case "stop":
        this.#coordinator().requestStop();
        break;
      case "pause":
        this.#process(rest[0] ?? "").pause();
        this.#current().oracle.disturb(rest[0] ?? "", Number.POSITIVE_INFINITY);
        break;
      case "wake":
        this.#process(rest[0] ?? "").wake();
        break;
      case "hold":
        if (rest[0] === "disk") this.#coordinator().isDiskHeld = true;
        else this.#holds.push(holdOf(command));
        break;
      case "release":
        if (rest[0] === "disk") this.#coordinator().releaseDisk();
        else this.#release(holdOf(command));
        break;
      case "cut":
        this.#cut(rest[0] ?? "", rest[1] ?? "");
        break;
      case "heal":
        this.#current().cuts.clear();
        break;
      case "break":
        present(
          this.#current()
            .worker(workerId(rest[0] ?? ""))
            .links.get(workerId(rest[1] ?? "")),
          "there is a link",
        ).link.breakDown();
        break;
      case "again":
        this.#again(command);
        break;
      case "show":
        this.#show();
        break;
      default:
        throw new Error(`no such command: ${command}`);
    }
    return this.#lines;
  }

  #setUp(words: readonly string[]): void {
    const given: Record<string, number> = {};
    for (let i = 0; i < words.length; i += 2) {
      const name = words[i] ?? "";
      assert(name in defaults, `the cluster has no ${name}`);
      given[name] = Number(words[i + 1]);
    }
    const run: RunSettings = { ...defaults, ...given, notFinite: new Set(), acceptsPlannedOnly: true };
    const pace = {
      messageMs: () => 1,
      leafMs: () => 10,
      smallMs: () => 2,
      stateMs: () => 20,
      fsyncMs: () => 5,
      dialMs: () => 1,
      reconnectMs: () => 200,
    };
    this.#world = new World(1, run, pace, machines, {
      trace: (line) => this.#lines.push(line()),
      moment: () => undefined,
      note: () => undefined,
      isHeld: (from, to, message) => this.#isHeld(from, to, message),
      survivors: (from, to, messages) => {
        const held = messages.findIndex((message) => message !== undefined && this.#matches(from, to, message));
        return held === -1 ? messages.length : held;
      },
    });
  }

  #current(): World {
    return present(this.#world, "a scenario begins with its cluster");
  }

  #coordinator(): CoordinatorProcess {
    return present(this.#current().coordinator, "a coordinator was started");
  }

  #process(name: string): WorkerProcess | CoordinatorProcess {
    return name === "coordinator" ? this.#coordinator() : this.#current().worker(workerId(name));
  }

  #start(name: string): void {
    const world = this.#current();
    if (name === "coordinator") {
      world.coordinator = new CoordinatorProcess(world);
      return world.coordinator.start();
    }
    const worker = new WorkerProcess(world, workerId(name));
    world.workers.set(worker.id, worker);
    worker.start();
  }

  #runUntil(text: string): void {
    const { clock } = this.#current();
    const deadline = clock.now + patienceMs;
    while (!this.#lines.some((line) => line.includes(text))) {
      if (clock.now > deadline || !clock.advance()) throw new Error(`"${text}" never came; ${this.#lines.slice(-20).join("\n")}`);
    }
  }

  #runFor(ms: number): void {
    const { clock } = this.#current();
    const end = clock.now + ms;
    while ((clock.nextAt ?? Number.POSITIVE_INFINITY) <= end) clock.advance();
    clock.now = end;
  }

  #runToTheEnd(): void {
    const world = this.#current();
    const deadline = world.clock.now + patienceMs;
    while (world.outcome === undefined) {
      if (world.clock.now > deadline || !world.clock.advance())
        throw new Error(`the run does not end; ${this.#lines.slice(-20).join("\n")}`);
    }
    world.oracle.checkEnd();
    this.#lines.push("every step is in the log once, with the bits of one undisturbed worker");
  }

  #isHeld(from: string, to: string, message: unknown): boolean {
    if (this.#matches(from, to, message)) return true;
    this.#delivered.push({ from, to, message });
    return false;
  }

  #matches(from: string, to: string, message: unknown): boolean {
    return this.#holds.some((h) => h.from === from && h.to === to && this.#current().oracle.describe(message).startsWith(h.text));
  }

  #release({ from, to, text }: Hold): void {
    this.#holds = this.#holds.filter((h) => h.from !== from || h.to !== to || h.text !== text);
    for (const worker of this.#current().workers.values()) {
      worker.control?.resume();
      for (const { link } of worker.links.values()) link.resume();
    }
  }

  #cut(a: string, b: string): void {
    const world = this.#current();
    world.cuts.add(a < b ? `${a} ${b}` : `${b} ${a}`);
    for (const name of [a, b]) world.oracle.disturb(name, Number.POSITIVE_INFINITY);
    world.workers.get(workerId(a))?.links.get(workerId(b))?.link.goHalfOpen();
  }

  /** Delivers once more what was delivered before. */
  #again(command: string): void {
    const { from, to, text } = holdOf(command);
    const { message } = present(
      this.#delivered.find((d) => d.from === from && d.to === to && this.#current().oracle.describe(d.message).startsWith(text)),
      `"${text}" was delivered before`,
    );
    // What went to a worker is one of these.
    this.#current()
      .worker(workerId(to))
      .takeAgain(from as WorkerId | "coordinator", message as CoordinatorMessage | Frame<BlockValues>);
  }

  #show(): void {
    const world = this.#current();
    this.#lines.push(
      `log: ${world.disk.log.length} steps, checkpoint of step ${world.disk.checkpoint.position.step}, term ${world.disk.term}`,
    );
    for (const record of world.disk.log)
      this.#lines.push(
        `step ${record.step}: leaves by ${record.leafWorkers.join(" ")}, each computed ${record.computations.join(" ")} times`,
      );
    for (const worker of world.workers.values()) if (worker.isAlive) this.#lines.push(worker.waiting);
  }
}

/** `hold A -> B partial g1.1` */
function holdOf(command: string): Hold {
  const match = /^\S+ (\S+) -> (\S+)\s*(.*)$/.exec(command);
  assert(match !== null, `not a direction: ${command}`);
  return { from: match[1] ?? "", to: match[2] ?? "", text: match[3] ?? "" };
}
