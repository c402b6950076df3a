/** What commands that use a run's model have: RUN, --checkpoint, and numbers as flags. */
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { realDisk } from "../checkpoint/io/disk.ts";
import { stepOfName } from "../checkpoint/manifest.ts";
import { type CheckpointChoice, readModel, type StoredModel } from "../coordinator/io/trained-model.ts";
import { printEvent } from "./event.ts";

export interface ModelFlags {
  readonly checkpoint?: string;
  /** On every command. */
  readonly json?: true;
}

/** Adds `<RUN>` and `--checkpoint`; the action gets (run: string, flags: ModelFlags & …). */
export function withModel(command: Command): Command {
  return command
    .argument("<RUN>", "run directory; it may be trained meanwhile")
    .option("--checkpoint <WHICH>", "step, best (lowest validation loss) or final (default: the newest that is whole)");
}

/** The model that the flags mean; damaged checkpoints that were passed over are told. */
export function modelOf(run: string, flags: ModelFlags): Promise<StoredModel> {
  return readModel(realDisk, run, choiceOf(flags.checkpoint), (error) => warn(`${error.code}: ${error.message}`, flags));
}

export function warn(what: string, flags: { readonly json?: true }): void {
  if (flags.json) printEvent("warned", { what });
  else process.stderr.write(`${what}\n`);
}

function choiceOf(text: string | undefined): CheckpointChoice {
  if (text === undefined) return "newest";
  if (text === "best" || text === "final") return text;
  return stepOfName(text) ?? numberOf("--checkpoint", text, { min: 0, isWhole: true });
}

interface Bounds {
  readonly min: number;
  readonly max?: number;
  readonly isWhole?: true;
}

/** A flag's number. @throws BabelgradError `usage` when it is none or out of bounds */
export function numberOf(flag: string, text: string, { min, max = Number.MAX_SAFE_INTEGER, isWhole }: Bounds): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (value >= min && value <= max && (isWhole === undefined || Number.isInteger(value))) return value;
  const kind = isWhole === undefined ? "a number" : "a whole number";
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new BabelgradError("usage", `${flag}: ${JSON.stringify(text)} is not ${kind} ${bounds}`);
}
