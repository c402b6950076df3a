/**
 * A process that does to a run directory what a coordinator does, for tests that limit or kill it.
 * Arguments: the folder, then "hold" (take it and wait) or "fill" (write steps until the disk says no) or
 * "checkpoint" (write a checkpoint, one too large for the disk, and a step more).
 */
import { BabelgradError, describeError } from "../../../src/base/errors.ts";
import { realDisk } from "../../../src/checkpoint/io/disk.ts";
import { RunDirectory } from "../../../src/coordinator/io/run-directory.ts";
import { openStore, writeCheckpoint } from "../../unit/checkpoint/sample-checkpoint.ts";
import { digest, run, stepRecord } from "../../unit/run/sample-records.ts";

const [, , folder = "", task] = process.argv;
try {
  const directory = await RunDirectory.take(realDisk, folder);
  if (directory.run === undefined)
    await directory.create({ version: 1, run, resultOptions: digest("o"), manifest: digest("m") }, "seed: 1\n");
  if (task === "hold") {
    console.log("held");
    setInterval(() => undefined, 1000);
  } else if (task === "fill") await fill(directory);
  else await checkpointTwice(directory);
} catch (error) {
  console.log(error instanceof BabelgradError ? describeError(error) : `bug: ${String(error)}`);
  process.exitCode = error instanceof BabelgradError ? error.exit : 3;
}

async function fill(directory: RunDirectory): Promise<void> {
  const { log, history, term } = await directory.openLog(0);
  const store = await openStore(realDisk, folder);
  console.log(`term ${term}, ${history.committed} steps`);
  for (let step = history.committed; ; step++) {
    const record = stepRecord(step);
    await log.append(record);
    history.take(record);
    if (step === 1) await writeCheckpoint(store, 2);
    console.log(`committed ${history.committed}`);
  }
}

async function checkpointTwice(directory: RunDirectory): Promise<void> {
  const { log } = await directory.openLog(0);
  for (let step = 0; step < 4; step++) await log.append(stepRecord(step));
  await writeCheckpoint(await openStore(realDisk, folder), 2);
  console.log("stored 2");
  const large = await openStore(realDisk, folder, 3, [], new Uint8Array(1 << 20));
  const outcome = await writeCheckpoint(large, 4).catch((error: unknown) => error);
  console.log(outcome instanceof BabelgradError ? `${outcome.code}: ${outcome.message}` : "stored 4");
  await log.append(stepRecord(4));
  console.log("committed 5");
}
