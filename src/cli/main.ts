/**
 * The command line: finds the command, runs it, and turns what it throws into a message and an exit status: 0 done,
 * 1 failed, 2 wrong usage, 75 try again. Errors from the table show no stack trace; a bug shows its own.
 */
import { BabelgradError, describeError } from "../base/errors.ts";
import { nearest } from "../config/nearest.ts";
import { type CommandEntry, commandOf, commands } from "./commands.ts";
import { printEvent } from "./event.ts";
import { version } from "./version.ts";

/** The process's main: runs its command line, and leaves the exit status in process.exitCode. */
export async function runMain(args: readonly string[]): Promise<void> {
  // The reader of a pipe may leave early (`| head`): that is its choice and no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  // What is thrown in a callback ends the process as what a command throws does.
  process.on("uncaughtException", (error) => process.exit(reportFailure(error, args.includes("--json"))));
  const status = await runCommandLine(args);
  if (status !== 0) process.exitCode = status;
}

/** Runs one command line (without node and script) and resolves to the exit status of its failure, else 0. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  try {
    await dispatch(args);
    return 0;
  } catch (error) {
    return reportFailure(error, args.includes("--json"));
  }
}

async function dispatch(args: readonly string[]): Promise<void> {
  const [first, second] = args;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    process.stdout.write(overview());
    return;
  }
  if (first === "--version" || first === "-V") {
    process.stdout.write(`${version()}\n`);
    return;
  }
  const entry = commandOf(args);
  if (entry === undefined) throw unknownCommand(first, second);
  const { parseCommand } = await import("./parse.ts");
  await parseCommand(entry, args.slice(entry.name.split(" ").length));
}

function overview(): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `babelgrad ${version()}: distributed training of multilingual language models

usage: babelgrad COMMAND [--help]

${rows.join("\n")}

Each command has --help with examples, and --json: one event a line, the last a summary.
Exit status: 0 done, 1 failed, 2 wrong usage, 75 try again. docs/reference lists options and errors.
`;
}

function unknownCommand(first: string, second: string | undefined): BabelgradError {
  const group = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (group.length > 0) {
    return new BabelgradError("usage", `babelgrad ${first} needs one of: ${group.map((name) => name.slice(first.length + 1)).join(", ")}`);
  }
  const names = commands.map((entry: CommandEntry) => entry.name);
  const meant = [nearest(first, names), nearest(`${first} ${second ?? ""}`, names)];
  return new BabelgradError("usage", `there is no command ${first}; did you mean ${[...new Set(meant)].join(" or ")}?`);
}

/** Prints a failure and gives its exit status. With --json its last line on standard output says the same. */
function reportFailure(error: unknown, isJson: boolean): number {
  if (error instanceof BabelgradError) {
    if (isJson) printEvent("failed", { code: error.code, what: error.message, todo: error.todo, exit: error.exit });
    process.stderr.write(`${describeError(error)}\n`);
    return error.exit;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : JSON.stringify(error);
  if (isJson) printEvent("failed", { code: "bug", what: error instanceof Error ? error.message : text, exit: 1 });
  process.stderr.write(`${text}\nThis is a bug in babelgrad: please report it with the lines above and the command that was run.\n`);
  // A supervisor starts a process again that ended by a bug, not one that ended with an error of the table.
  return process.send === undefined ? 1 : 70;
}
