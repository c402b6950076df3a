/** The command lines that people read: of the pages, of tables in them, and of every command's --help. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { commands } from "../../src/cli/commands.ts";
import { defined } from "../../src/cli/parse.ts";

export interface DocumentedLine {
  /** The page, or the command whose --help it is. */
  readonly place: string;
  readonly line: string;
}

export const pages = ["README.md", "docs/operations.md", "deploy/README.md"] as const;

export function pageText(page: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), "utf8");
}

/** The lines of the fenced `sh` blocks of a text, comments and continued lines taken in. */
export function shellLines(text: string): readonly string[] {
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, block = ""]) => block.replaceAll(/ *\\\n */g, " ").split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** What a unit file starts, and what stands between backquotes and begins as a command does. */
function otherLines(text: string): readonly string[] {
  const started = [...text.matchAll(/^ExecStart=(?:\S*\/)?(bin\/.*)$/gm)].map(([, line = ""]) => line);
  const quoted = [...text.replaceAll(/^```.*?^```$/gms, "").matchAll(/`((?:bin\/babelgrad|babelgrad|node|npm|npx|curl) [^`]+)`/g)];
  return [...started, ...quoted.map(([, line = ""]) => line)];
}

export function linesOfPages(): readonly DocumentedLine[] {
  return pages.flatMap((place) => {
    const text = pageText(place);
    return [...shellLines(text), ...otherLines(text)].map((line) => ({ place, line }));
  });
}

export async function linesOfHelp(): Promise<readonly DocumentedLine[]> {
  const found: DocumentedLine[] = [];
  for (const entry of commands) {
    const command = await defined(entry);
    let text = "";
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    const lines = [...text.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = ""]) => line);
    if (lines.length === 0) throw new Error(`babelgrad ${entry.name} --help shows no example`);
    found.push(...lines.map((line) => ({ place: `babelgrad ${entry.name} --help`, line })));
  }
  return found;
}

/** The words of each command of a line, as a shell would take them apart; without comments and redirections. */
export function commandsOfLine(line: string): readonly (readonly string[])[] {
  const tokens = [...line.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'|&>;])+|\|\|?|&&?|>>?|;/g)].map(([token]) => token);
  const comment = tokens.findIndex((token) => token.startsWith("#"));
  const found: string[][] = [[]];
  let isFile = false;
  for (const token of comment < 0 ? tokens : tokens.slice(0, comment)) {
    if (/^>>?$/.test(token)) isFile = true;
    else if (isFile) isFile = false;
    else if (/^[|&;]/.test(token)) found.push([]);
    else found.at(-1)?.push(token.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"));
  }
  return found.filter((words) => words.length > 0);
}
