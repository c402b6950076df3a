/** At the end of a process everything is closed in order, and nothing is waited for for ever. */

/** Resolves when the work is done or the time is over, whichever comes first. What the work throws is thrown. */
export async function atMost(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
