/** Samples in the run directory, `samples/step-000200.jsonl`: one sample a line. Best effort, as metrics.jsonl is. */
import type { Disk } from "../../base/disk.ts";
import { replaceWhole } from "../../checkpoint/io/whole-file.ts";
import { checkpointName } from "../../checkpoint/manifest.ts";
import type { Sample } from "../../wire/messages.ts";

/** @throws BabelgradError `disk-full`, `disk-failed` */
export async function keepSamples(disk: Disk, folder: string, step: number, samples: readonly Sample[]): Promise<void> {
  await disk.makeFolder(`${folder}/samples`);
  const lines = samples.map((sample) => `${JSON.stringify(sample)}\n`).join("");
  await replaceWhole(disk, `${folder}/samples`, `${checkpointName(step)}.jsonl`, new TextEncoder().encode(lines));
}
