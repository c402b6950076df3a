/**
 * `babelgrad bench step`: a whole training step, optimizer included, against eager TensorFlow.js and PyTorch. All are
 * resident at once and take turns in short rounds, so that whatever else the machine does hits each of them alike.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { type Config, options } from "../config/options.ts";
import { builtEntry } from "../engine/io/entry.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";

interface Case {
  readonly name: string;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly context: number;
  readonly batch: number;
  readonly vocabulary: number;
  readonly stepsPerRound: number;
  /** Intra-op threads that our side is tried with. */
  readonly threads: readonly number[];
}

/** The number in a name is the size in millions of parameters. */
const cases: readonly Case[] = [
  { name: "gpt1", layers: 4, heads: 4, width: 128, context: 64, batch: 12, vocabulary: 65, stepsPerRound: 20, threads: [1, 2] },
  { name: "gpt14", layers: 6, heads: 6, width: 384, context: 256, batch: 8, vocabulary: 8192, stepsPerRound: 1, threads: [2] },
];

const torchThreads = 2;

interface BenchFlags {
  readonly against?: string;
  readonly case?: string;
  readonly rounds: string;
  readonly python?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  const examples = ["babelgrad bench step", "babelgrad bench step --against torch --case gpt1,gpt14 --json"];
  withExamples(command, examples)
    .option("--against <PEER>", "also against: torch (eager TensorFlow.js always takes part)")
    .option("--case <NAMES>", `which of ${cases.map(({ name }) => name).join(", ")}, by comma; all when left out`)
    .option("--rounds <N>", "turns that each takes", "10")
    .option("--python <FILE>", "a Python with PyTorch; else $BABELGRAD_TORCH_PYTHON, else .venv/bin/python")
    .action((flags: BenchFlags) => benchStep(flags));
}

async function benchStep(flags: BenchFlags): Promise<void> {
  const names = flags.case?.split(",") ?? cases.map(({ name }) => name);
  const unknown = names.find((name) => !cases.some((c) => c.name === name));
  if (unknown !== undefined) throw new BabelgradError("usage", `there is no case ${unknown}`);
  if (flags.against !== undefined && flags.against !== "torch") throw new BabelgradError("usage", `there is no peer ${flags.against}`);
  const rounds = Number(flags.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new BabelgradError("usage", `--rounds ${flags.rounds} is not a whole number above 0`);
  const python = flags.against === "torch" ? pythonWithTorch(flags.python) : undefined;
  const ratios: Record<string, Record<string, number>> = {};
  for (const size of cases.filter(({ name }) => names.includes(name))) {
    const medians = await measure(size, rounds, python);
    const best = (who: string): number => Math.min(...[...medians].filter(([name]) => name.startsWith(who)).map(([, ms]) => ms));
    const peers = python === undefined ? ["eager"] : ["eager", "torch"];
    ratios[`${size.name}f32`] = Object.fromEntries(peers.map((peer) => [peer, Number((best(peer) / best("babelgrad")).toFixed(3))]));
    report(size, medians, peers, best, flags.json === true);
  }
  if (flags.json === true) printEvent("finished", { ratios });
}

function report(
  size: Case,
  medians: ReadonlyMap<string, number>,
  peers: readonly string[],
  best: (who: string) => number,
  isJson: boolean,
): void {
  if (isJson) {
    printEvent("measured", { case: `${size.name}f32`, medianMs: Object.fromEntries(medians) });
    return;
  }
  process.stdout.write(`${size.name}, float32, ${size.batch}×${size.context} tokens, median of a step:\n`);
  for (const [name, ms] of medians) process.stdout.write(`  ${name.padEnd(24)}${ms.toFixed(1).padStart(8)} ms\n`);
  for (const peer of peers) process.stdout.write(`  ${(best(peer) / best("babelgrad")).toFixed(2)} times as fast as ${peer}\n`);
}

/** Median milliseconds of a step by contestant. */
async function measure(size: Case, rounds: number, python: string | undefined): Promise<ReadonlyMap<string, number>> {
  const contestants: Contestant[] = [];
  try {
    for (const { name, command, args, env } of contestantsOf(size, python))
      contestants.push(await Contestant.start(name, command, args, env));
    for (let round = 0; round < rounds; round++) for (const contestant of contestants) await contestant.turn(size.stepsPerRound);
  } finally {
    for (const contestant of contestants) contestant.stop();
  }
  return new Map(contestants.map(({ name, times }) => [name, median(times)]));
}

interface Entry {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

function contestantsOf(size: Case, python: string | undefined): readonly Entry[] {
  const { layers, heads, width, context, batch, vocabulary } = size;
  const sizes = [layers, heads, width, context, batch, vocabulary].map(String);
  const ours = size.threads.map((threads) => ({
    name: `babelgrad, ${threads} thread${threads === 1 ? "" : "s"}`,
    command: process.execPath,
    args: [builtEntry("step-bench-main"), JSON.stringify(configOf(size, threads)), String(vocabulary)],
    env: {},
  }));
  const eager = {
    name: "eager tfjs",
    command: process.execPath,
    args: [benchFile("eager-step.mjs"), ...sizes],
    env: { TF_CPP_MIN_LOG_LEVEL: "3" },
  };
  // Passive waiting: on a small machine PyTorch's threads otherwise spin against each other.
  const env = { OMP_WAIT_POLICY: "passive", GOMP_SPINCOUNT: "0", OMP_NUM_THREADS: String(torchThreads) };
  const torch = python === undefined ? [] : ["eager-fused", "compile"];
  const torchFile = benchFile("torch-step.py");
  return [
    ...ours,
    eager,
    ...torch.map((mode) => ({ name: `torch ${mode}`, command: python ?? "", args: [torchFile, ...sizes, mode], env })),
  ];
}

function configOf({ layers, heads, width, context, batch }: Case, threads: number): Config {
  const defaults = Object.fromEntries(Object.entries(options).map(([path, option]) => [path, option.default])) as unknown as Config; // one default a path
  return {
    ...defaults,
    ...{ "model.layers": layers, "model.heads": heads, "model.width": width, "model.context": context },
    ...{ "step.sequences": batch, "step.leaves": 1, "engine.threads": threads },
  };
}

function benchFile(name: string): string {
  return fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
}

function pythonWithTorch(flag: string | undefined): string {
  const python = flag ?? process.env["BABELGRAD_TORCH_PYTHON"] ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
  if (!existsSync(python)) throw new BabelgradError("no-torch", `there is no Python at ${python}`);
  return python;
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** A resident process that runs steps when it is its turn. */
class Contestant {
  readonly name: string;
  readonly times: number[] = [];
  readonly #stop: () => void;
  readonly #write: (line: string) => void;
  readonly #lines: AsyncIterator<string>;

  private constructor(name: string, stop: () => void, write: (line: string) => void, lines: AsyncIterator<string>) {
    this.name = name;
    this.#stop = stop;
    this.#write = write;
    this.#lines = lines;
  }

  static async start(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<Contestant> {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    let errorOutput = "";
    child.stderr.on("data", (chunk: Buffer) => {
      errorOutput = (errorOutput + chunk.toString()).slice(-4000);
    });
    const failed = new Promise<never>((_resolve, reject) => {
      child.on("error", reject);
      child.on("close", () =>
        reject(new BabelgradError("bench-failed", `${name} ended`, {}, { cause: new Error(errorOutput.trim().split("\n").at(-1)) })),
      );
    });
    failed.catch(() => {}); // it counts only while something waits for the contestant
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<IteratorResult<string>> => {
      const line = await Promise.race([lines.next(), failed]);
      return line.done === true ? failed : line;
    };
    const contestant = new Contestant(
      name,
      () => child.kill(),
      (line) => child.stdin.write(line),
      { next },
    );
    await next(); // `ready`
    return contestant;
  }

  async turn(steps: number): Promise<void> {
    this.#write(`${steps}\n`);
    const { value } = await this.#lines.next();
    this.times.push(...(JSON.parse(String(value)) as number[])); // what a contestant prints
  }

  stop(): void {
    this.#stop();
  }
}
