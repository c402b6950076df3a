/** What every command that reads a configuration has: CONFIG.yaml, --set, and how they become a Config. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { loadConfig } from "../config/io/load.ts";
import type { Config } from "../config/options.ts";

export interface ConfigFlags {
  readonly set?: readonly string[];
  /** On every command. */
  readonly json?: true;
}

/** Adds `[CONFIG.yaml]` and `--set`; the action gets (file: string | undefined, flags: ConfigFlags & …). */
export function withConfig(command: Command): Command {
  return withSet(command.argument("[CONFIG.yaml]", "configuration file; docs/reference/options.md lists the options"));
}

/** Adds `--set` to a command that has its configuration already. */
export function withSet(command: Command): Command {
  return command.option("--set <path=value>", "set one option (repeatable); wins over file and environment", collect);
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The resolved configuration; `settings` are `path=value` texts that other flags of the command stand for. */
export function configOf(file: string | undefined, flags: ConfigFlags, settings: readonly string[] = []): Config {
  return loadConfig({ file: file === undefined ? undefined : packaged(file), set: [...(flags.set ?? []), ...settings] });
}

/** The examples of this package have their names wherever it is installed, unless a file of that name is here. */
function packaged(file: string): string {
  if (!/^examples\/[^/]+$/.test(file) || existsSync(file)) return file;
  const own = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  return existsSync(own) ? own : file;
}

/** Adds examples to `--help`, each a line that can be pasted. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText("after", `\nexamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}
