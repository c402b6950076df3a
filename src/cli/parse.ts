/** One command's arguments, parsed by commander; what it refuses becomes an error of ours. */
import { Command, CommanderError } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { nearest } from "../config/nearest.ts";
import { optionPaths } from "../config/resolve.ts";
import type { CommandEntry } from "./commands.ts";

/** Loads the command's module, parses its arguments and runs its action to the end. */
export async function parseCommand(entry: CommandEntry, args: readonly string[]): Promise<void> {
  const command = await defined(entry);
  try {
    await command.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw refusal(error, command);
  }
}

/** The command with its arguments, flags and examples; what it refuses is thrown. */
export async function defined(entry: CommandEntry): Promise<Command> {
  const { define } = await entry.load();
  const command = new Command(`babelgrad ${entry.name}`).description(entry.summary).helpOption("--help", "show this help");
  // Commander's own complaints are thrown, and shown once, as ours.
  command
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError(false);
  command.option("--json", "print one event a line, the last a summary");
  define(command);
  return command;
}

function refusal(error: CommanderError, command: Command): BabelgradError {
  const what = error.message.replace(/^error: /, "");
  const flag = /unknown option '(--?[^'=]+)/.exec(what)?.[1];
  if (flag === undefined) return new BabelgradError("usage", `${command.name()}: ${what}`);
  const flags = command.options.map((option) => option.long ?? option.flags);
  const path = !flags.includes("--set") ? "" : nearest(flag.replace(/^-+/, ""), optionPaths);
  const isPath = path !== "" && (path === flag.slice(2) || path.endsWith(`.${flag.slice(2)}`));
  return new BabelgradError("option-unknown", `${command.name()} has no flag ${flag}`, {
    nearest: isPath ? `--set ${path}=…` : nearest(flag, flags),
  });
}
