/**
 * How a process is asked to stop: by its supervisor, when there is one, or by SIGINT and SIGTERM: once to finish the step and
 * leave, twice to end now. A supervised process ignores Ctrl-C, which the terminal sends to everybody: its supervisor decides.
 */

/** Seconds that a run may take to finish its step and write its checkpoint after SIGTERM. */
const deadlineMs = 60_000;
/** What a shell says of a process that SIGINT ended. */
const interrupted = 130;

export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const ask = (): void => {
    if (controller.signal.aborted) process.exit(interrupted);
    controller.abort();
    setTimeout(() => process.exit(interrupted), deadlineMs).unref();
  };
  if (process.send === undefined) {
    process.on("SIGINT", ask);
    process.on("SIGTERM", ask);
  } else {
    process.on("SIGINT", () => undefined);
    process.on("SIGTERM", ask);
    process.on("message", (message) => {
      if (typeof message === "object" && message !== null && "kind" in message && message.kind === "stop") ask();
    });
    // A supervisor that is gone leaves no orphans.
    process.on("disconnect", () => process.exit(interrupted));
    // Listening to the supervisor alone keeps no process alive.
    process.channel?.unref();
  }
  return controller.signal;
}
