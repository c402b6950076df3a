/**
 * Finds a checkpoint for those who only read: nothing is made, moved or removed, so the run may be trained meanwhile, and
 * a checkpoint may be gone a moment after it was seen.
 */
import type { Disk } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Step } from "../../base/ids.ts";
import { checkpointName, stepOfName } from "../manifest.ts";
import { type Checkpoint, openCheckpoint } from "./checkpoint.ts";

/** Steps of the checkpoints in the run directory `folder`, the newest first. */
export async function storedSteps(disk: Disk, folder: string): Promise<readonly Step[]> {
  const names = (await disk.list(`${folder}/checkpoints`)) ?? [];
  return names
    .map(stepOfName)
    .filter((step) => step !== undefined)
    .sort((a, b) => b - a);
}

/**
 * Opens the newest whole checkpoint; damaged ones are passed over and reported. undefined: there is none.
 * @throws BabelgradError `checkpoint-corrupt` when all are damaged
 */
export async function openNewest(disk: Disk, folder: string, report: (error: BabelgradError) => void): Promise<Checkpoint | undefined> {
  const damaged: BabelgradError[] = [];
  for (const step of await storedSteps(disk, folder)) {
    const opened = await openStored(disk, folder, step);
    // Gone because newer ones have come: these are found now.
    if (opened === undefined) return openNewest(disk, folder, report);
    if (opened instanceof BabelgradError) {
      damaged.push(opened);
      continue;
    }
    for (const { code, message, facts } of damaged) report(new BabelgradError(code, `${message}. Going on from ${opened.name}`, facts));
    return opened;
  }
  const [first] = damaged;
  if (first !== undefined) throw first;
  return undefined;
}

/** Opens the checkpoint of a step: `checkpoint-corrupt` says what is wrong with it; undefined: it is not there. */
export async function openStored(disk: Disk, folder: string, step: Step): Promise<Checkpoint | BabelgradError | undefined> {
  const place = `${folder}/checkpoints/${checkpointName(step)}`;
  if (!(await storedSteps(disk, folder)).includes(step)) return undefined;
  const opened = await openCheckpoint(disk, place);
  if (typeof opened !== "string") return opened;
  if (!(await storedSteps(disk, folder)).includes(step)) return undefined;
  return new BabelgradError("checkpoint-corrupt", opened, { folder: place });
}
