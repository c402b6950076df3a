/**
 * How a process is asked to stop. On its own by SIGINT or SIGTERM: once to finish the step and leave, twice to end now.
 * Under a supervisor by its word alone: a terminal, a container or a batch system may signal all processes at once,
 * and the coordinator needs its workers for the last checkpoint.
 */

/** A run may take so long to finish its step and write its checkpoint. */
const deadlineMs = 60_000;
/** What a shell says of a process that SIGINT ended. */
export const interrupted = 130;

export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const ask = (): void => {
    if (controller.signal.aborted) return;
    controller.abort();
    setTimeout(() => process.exit(interrupted), deadlineMs).unref();
  };
  if (process.send === undefined) {
    const signalled = (): void => {
      if (controller.signal.aborted) process.exit(interrupted);
      ask();
    };
    process.on("SIGINT", signalled);
    process.on("SIGTERM", signalled);
    return controller.signal;
  }
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => undefined);
  process.on("message", (message) => {
    if (typeof message === "object" && message !== null && "kind" in message && message.kind === "stop") ask();
  });
  // A supervisor that is gone leaves no orphans.
  process.on("disconnect", () => process.exit(interrupted));
  if (!process.connected) process.exit(interrupted);
  // Listening to the supervisor alone keeps no process alive.
  process.channel?.unref();
  return controller.signal;
}
