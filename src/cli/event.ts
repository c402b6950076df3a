/** The output of `--json`: one event a line on standard output. */

/** Prints one event; `event` names what happened in the past tense (`finished`, `failed`, `stepCommitted`). */
export function printEvent(event: string, fields: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}
