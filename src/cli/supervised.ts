/** A command that may run under a supervisor (`train`), which then shows its failure: once, and as the whole's. */
import { BabelgradError, rootCause } from "../base/errors.ts";
import type { ChildMessage } from "../worker/io/supervisor.ts";

const leaveMs = 3000;

/** Runs the command; with a supervisor, an error of the table is told to it and becomes the exit status alone. */
export async function supervised(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof BabelgradError) || process.send === undefined) throw error;
    await tellSupervisor({ kind: "failed", code: error.code, what: error.message, facts: error.facts, cause: rootCause(error) });
    process.exitCode = error.exit;
  } finally {
    // The process ends by itself when all is closed; what was forgotten does not keep it for ever.
    setTimeout(() => process.exit(), leaveMs).unref();
  }
}

/** Resolves when the message is on its way, or when there is nobody to read it. */
export function tellSupervisor(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
