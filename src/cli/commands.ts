/** The table of commands. A module is loaded only when its command runs, so that `--help` stays quick. */
import type { Command } from "commander";

export interface CommandEntry {
  /** One or two words: `train`, `data prepare`. */
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** What a command's file exports. */
export interface CommandModule {
  /** Adds arguments, flags, examples and the action. A failed action throws; another exit status goes into process.exitCode. */
  readonly define: (command: Command) => void;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "demo",
    summary: "Train the embedded sample in twelve languages with a coordinator and two workers.",
    load: () => import("./demo.ts"),
  },
  {
    name: "init",
    summary: "Write a commented configuration for your own text, sized to it.",
    load: () => import("./init.ts"),
  },
  {
    name: "data prepare",
    summary: "Turn text, folders of languages or JSONL into shards, a tokenizer and a manifest.",
    load: () => import("./data.ts"),
  },
  {
    name: "train",
    summary: "Train with a coordinator and local workers; what dies is started again.",
    load: () => import("./train.ts"),
  },
  {
    name: "runs",
    summary: "List runs: what each is, where it stands, how good it is.",
    load: () => import("./runs.ts"),
  },
  {
    name: "runs compare",
    summary: "Compare two runs: configuration, data, and their curves at common steps.",
    load: () => import("./runs-compare.ts"),
  },
  {
    name: "coordinator",
    summary: "Lead a run: decide, keep the run directory, serve data and states to workers.",
    load: () => import("./coordinator.ts"),
  },
  {
    name: "worker",
    summary: "Compute for a coordinator, on this machine or another.",
    load: () => import("./worker.ts"),
  },
  {
    name: "generate",
    summary: "Write text with the model of a run.",
    load: () => import("./generate.ts"),
  },
  {
    name: "eval",
    summary: "Measure the model of a run: loss and bits per byte by language.",
    load: () => import("./eval.ts"),
  },
  {
    name: "doctor",
    summary: "Show what this machine has for training, and what to do about what is missing.",
    load: () => import("./doctor.ts"),
  },
  {
    name: "bench step",
    summary: "Time a training step against eager TensorFlow.js and PyTorch.",
    load: () => import("./bench.ts"),
  },
];

/** The command that a line without its program begins with: of two words, else of one. */
export function commandOf([first, second]: readonly string[]): CommandEntry | undefined {
  return commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first);
}
