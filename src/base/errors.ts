/**
 * The errors table: every failure that comes from outside (a file, a peer, a disk, a user) has a code here, an exit
 * status and what to do. A bug is an assertion instead. `docs/reference/errors.md` is generated from this table.
 */

interface Row {
  /** One sentence for the reference page: when this happens. */
  readonly when: string;
  /** What the user can do; `{name}` is replaced by a fact of the error. */
  readonly todo: string;
  /** 1 failed, 2 usage, 75 try again. */
  readonly exit: 1 | 2 | 75;
}

export const errors = {
  "option-unknown": {
    when: "A flag or a key of a configuration file is not in the options table.",
    todo: "Did you mean {nearest}? See --help or docs/reference/options.md.",
    exit: 2,
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof errors;

/** A failure from the table. `what` is what happened, with names and numbers; `why` its reason where one is known. */
export class BabelgradError extends Error {
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, string>>;
  readonly exit: number;
  readonly todo: string;

  constructor(code: ErrorCode, what: string, facts: Readonly<Record<string, string>> = {}, options?: { cause?: unknown }) {
    super(what, options);
    this.name = "BabelgradError";
    this.code = code;
    this.facts = facts;
    const row: Row = errors[code];
    this.exit = row.exit;
    this.todo = row.todo.replace(/\{(\w+)\}/g, (_, key: string) => facts[key] ?? `{${key}}`);
  }
}

/** The error as the command line shows it: code, what, what to do; the root cause last. Never a stack trace. */
export function describeError(error: BabelgradError): string {
  const cause = rootCause(error);
  return `${error.code}: ${error.message}\n  ${error.todo}${cause === undefined ? "" : `\n  cause: ${cause}`}`;
}

function rootCause(error: Error): string | undefined {
  let cause: unknown = error.cause;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  return cause === undefined ? undefined : cause instanceof Error ? cause.message : String(cause);
}
