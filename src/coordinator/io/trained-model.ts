/**
 * The model of a run, for those who use it: configuration, tokenizer and weights of a checkpoint. Takes no lock and
 * changes nothing, so the run may be trained meanwhile.
 */
import { join } from "node:path";
import { present } from "../../base/assert.ts";
import type { Disk } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Step } from "../../base/ids.ts";
import { type Checkpoint, tokenizerFile } from "../../checkpoint/io/checkpoint.ts";
import { openNewest, openStored, storedSteps } from "../../checkpoint/io/find-checkpoint.ts";
import { readWhole } from "../../checkpoint/io/whole-file.ts";
import { loadRunConfig } from "../../config/io/load.ts";
import type { Config } from "../../config/options.ts";
import { parseTokenizer, type Tokenizer } from "../../data/tokenizer.ts";
import { modelLayout } from "../../model/parameters.ts";
import { readRun } from "./run-directory.ts";

/** `newest`: the newest whole one. `final`: the newest, whole or not. `best`: of lowest validation loss. Or that of a step. */
export type CheckpointChoice = "newest" | "final" | "best" | Step;

export interface StoredModel {
  readonly config: Config;
  /** The folder of the run's prepared data, which need not be there any more. */
  readonly dataFolder: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerJson: string;
  /** Languages that the run was trained on, in the order of its manifest. */
  readonly languages: readonly string[];
  /** Name and step of the checkpoint. */
  readonly checkpoint: string;
  readonly step: Step;
  readonly weights: Float32Array;
}

/**
 * Reads the model in the run directory `folder`; what is passed over is reported.
 * @throws BabelgradError `run-missing`, `run-damaged`, `checkpoint-none`, `checkpoint-corrupt`, `checkpoint-unknown`, `checkpoint-differs`
 */
export async function readModel(
  disk: Disk,
  folder: string,
  choice: CheckpointChoice,
  report: (error: BabelgradError) => void,
): Promise<StoredModel> {
  const run = await readRun(disk, folder).catch((error: unknown) => {
    // Something that is no folder, or a folder of something else, holds no run either.
    if (error instanceof BabelgradError && error.code !== "run-damaged") return undefined;
    throw error;
  });
  if (run === undefined) throw new BabelgradError("run-missing", `${folder} holds no run`, { path: folder });
  const config = loadRunConfig(join(folder, "config.yaml"));
  const checkpoint = await choose(disk, folder, choice, report);
  try {
    const { manifest, name } = checkpoint;
    if (manifest.run !== run.about.run)
      throw new BabelgradError("checkpoint-unknown", `${name} is of another run, ${manifest.run}`, {
        folder: join(folder, "checkpoints", name),
      });
    const tokenizerBytes = await readWhole(disk, join(folder, "checkpoints", name, tokenizerFile));
    const tokenizerJson = new TextDecoder().decode(present(tokenizerBytes, "an open checkpoint has a tokenizer"));
    const tokenizer = parseTokenizer(tokenizerJson);
    checkpoint.requireLayout(modelLayout(config, tokenizer.vocabulary).parameters);
    return {
      config,
      dataFolder: config["data.dir"] || join(folder, "data"),
      tokenizer,
      tokenizerJson,
      languages: Object.keys(manifest.sequences),
      checkpoint: name,
      step: manifest.step,
      weights: await checkpoint.read(0),
    };
  } finally {
    await checkpoint.close();
  }
}

async function choose(disk: Disk, folder: string, choice: CheckpointChoice, report: (error: BabelgradError) => void): Promise<Checkpoint> {
  if (choice === "newest") {
    const opened = await openNewest(disk, folder, report);
    if (opened !== undefined) return opened;
    throw none(`${folder} has no checkpoint yet`, "Wait for the first one (checkpoint.every), or train the run to its end.");
  }
  const steps = await storedSteps(disk, folder);
  const step = choice === "final" ? steps[0] : choice === "best" ? await bestOf(disk, folder, steps) : choice;
  const opened = step === undefined ? undefined : await openStored(disk, folder, step);
  if (opened instanceof BabelgradError) throw opened;
  if (opened !== undefined) return opened;
  if (steps.length === 0)
    throw none(`${folder} has no checkpoint yet`, "Wait for the first one (checkpoint.every), or train the run to its end.");
  if (step === undefined)
    throw none(`${folder} has no checkpoint that was evaluated`, "Set validate.every as checkpoint.every, or name a step.");
  throw none(`${folder} has no checkpoint of step ${step}`, `It has those of steps ${[...steps].reverse().join(", ")} (checkpoint.keep).`);
}

function none(what: string, hint: string): BabelgradError {
  return new BabelgradError("checkpoint-none", what, { hint });
}

/** Of these steps the one of lowest validation loss, as metrics.jsonl says; of equal ones the newest. */
async function bestOf(disk: Disk, folder: string, steps: readonly Step[]): Promise<Step | undefined> {
  const bytes = await readWhole(disk, join(folder, "metrics.jsonl"));
  const losses = new Map<unknown, number>();
  for (const line of new TextDecoder().decode(bytes).split("\n")) {
    const { event, step, validationLoss } = fieldsOf(line);
    if (event === "evaluated" && typeof validationLoss === "number") losses.set(step, validationLoss);
  }
  const lossOf = (step: Step): number => losses.get(step) ?? Number.POSITIVE_INFINITY;
  return steps.filter((step) => losses.has(step)).sort((a, b) => lossOf(a) - lossOf(b))[0];
}

/** The fields of a line; none of one that is cut off. */
function fieldsOf(line: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>; // proof: the coordinator writes objects
  } catch {
    return {};
  }
}
