/** `babelgrad init`: a commented configuration for somebody's own text, sized to it, which `train` takes as it is. */
import { stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { diskError } from "../base/disk.ts";
import { BabelgradError } from "../base/errors.ts";
import { loadConfig } from "../config/io/load.ts";
import type { Config } from "../config/options.ts";
import { expectedMinutes, type LanguageSize, plannedVocabulary, planRun } from "../config/plan.ts";
import { renderTemplate } from "../config/template.ts";
import { surveyInputs } from "../corpus/io/survey.ts";
import { isUdhr } from "../corpus/udhr-text.ts";
import { openData } from "../data/io/prepared-data.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { program } from "./program.ts";
import { short } from "./runs.ts";
import { textTable } from "./text-table.ts";

interface InitFlags {
  readonly out: string;
  readonly data?: string;
  readonly language?: string;
  readonly minutes: string;
  readonly force?: true;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument("<INPUT...>", "text: files, folders of one language each, JSONL, .gz of them, or one folder of prepared data")
    .option("--out <FILE>", "the configuration to write", "run.yaml")
    .option("--data <DIR>", "where train puts the prepared data (default: in the run directory)")
    .option("--language <CODE>", "language of inputs that do not say theirs")
    .option("--minutes <M>", "minutes of training on two CPU cores that sizes and steps are for", "3")
    .option("--force", "replace a file that is there")
    .action(init);
  withExamples(command, [
    "babelgrad init texts/en texts/fr texts/sw --out mine.yaml",
    "babelgrad init corpus.jsonl.gz --minutes 60 --out large.yaml",
    "babelgrad init data/prepared --out again.yaml",
  ]);
}

interface Found {
  /** The options of the group data. */
  readonly data: Partial<Config>;
  readonly vocabulary: number;
  readonly languages: readonly (LanguageSize & { readonly documents: number })[];
}

async function init(inputs: readonly string[], flags: InitFlags): Promise<void> {
  const minutes = Number(flags.minutes);
  if (!(minutes >= 0.1 && minutes <= 100_000)) throw new BabelgradError("usage", `--minutes ${flags.minutes}: a number from 0.1 to 100000`);
  const out = resolve(flags.out);
  if (flags.force !== true && (await stat(out).catch(() => undefined)) !== undefined)
    throw new BabelgradError("config-exists", `${flags.out} is there already`, { path: flags.out });
  const folder = dirname(out);
  const prepared = await preparedAmong(inputs);
  const found = prepared === undefined ? await raw(inputs, flags, folder, minutes) : await preparedData(prepared, folder);
  const plan = planRun(found.languages, found.vocabulary, minutes);
  const set = { ...found.data, ...plan };
  await write(out, renderTemplate(set, opening(found, plan, flags.out)), flags.force === true);
  // What is written is what train will read: a mistake shows here.
  loadConfig({ file: out });
  if (flags.json) report(found, set, out);
  else process.stdout.write(`${summary(found, set, flags.out, minutes).join("\n")}\n`);
}

/** The input that is prepared data, when it is the only one. */
async function preparedAmong(inputs: readonly string[]): Promise<string | undefined> {
  for (const input of inputs) {
    if (isUdhr(input) || (await stat(join(input, "manifest.json")).catch(() => undefined)) === undefined) continue;
    if (inputs.length === 1) return input;
    throw new BabelgradError(
      "usage",
      `${input} is prepared data and cannot be joined with other inputs: give the text that it was made from`,
    );
  }
  return undefined;
}

async function raw(inputs: readonly string[], flags: InitFlags, folder: string, minutes: number): Promise<Found> {
  const once = [...new Set(inputs.map((input) => (isUdhr(input) ? input : resolve(input))))];
  const language = flags.language ?? "";
  const survey = await surveyInputs({ inputs: once, language, hint: "" }, (bytes) => plannedVocabulary(bytes, minutes));
  return {
    data: {
      ...(flags.data === undefined ? {} : { "data.dir": fromFolder(folder, flags.data) }),
      "data.inputs": once.map((input, i) => (isUdhr(input) ? input : fromFolder(folder, input, inputs[i]))),
      ...(language === "" ? {} : { "data.language": language }),
      "data.documents": survey.documents,
      "data.vocabulary": survey.vocabulary,
    },
    vocabulary: survey.vocabulary,
    languages: survey.languages,
  };
}

async function preparedData(dir: string, folder: string): Promise<Found> {
  const { manifest } = await openData(resolve(dir));
  return {
    data: { "data.dir": fromFolder(folder, dir) },
    vocabulary: manifest.vocabulary,
    languages: manifest.languages.map(({ language, train }) => ({
      language,
      documents: train.documents,
      bytes: train.textBytes,
      tokens: train.tokens,
    })),
  };
}

/** A path as the file in `folder` says it: absolute where the user's was, else relative to the file. */
function fromFolder(folder: string, path: string, asGiven = path): string {
  if (asGiven.startsWith("/")) return resolve(path);
  const text = relative(folder, resolve(path)) || ".";
  // A colon would make it a source such as udhr:en.
  return text.includes(":") ? `./${text}` : text;
}

async function write(path: string, text: string, mayReplace: boolean): Promise<void> {
  try {
    await writeFile(path, text, { flag: mayReplace ? "w" : "wx" });
  } catch (error) {
    throw error instanceof Error && "code" in error ? diskError("write", path, String(error.code), error) : error;
  }
}

function opening({ languages, vocabulary }: Found, plan: Partial<Config>, out: string): readonly string[] {
  const bytes = languages.reduce((sum, language) => sum + language.bytes, 0);
  return [
    `${languages.map(({ language }) => language).join(", ")}: ${short(bytes)}B of text. Made by babelgrad init for ${duration(expectedMinutes(plan, vocabulary))} of training on two CPU cores.`,
    `Train with: babelgrad train ${out} --workers 2`,
    "Options with # before them have their defaults. Those [fixed for a run] make another run when they are changed. Paths are relative to this file.",
  ];
}

/** In words, as exact as a rule of thumb is. */
function duration(minutes: number): string {
  if (minutes < 1) return "less than a minute";
  return minutes < 90
    ? `about ${Math.round(minutes)} minute${Math.round(minutes) === 1 ? "" : "s"}`
    : `about ${Math.round(minutes / 60)} hours`;
}

function report(found: Found, set: Partial<Config>, out: string): void {
  for (const language of found.languages) printEvent("languageFound", { ...language });
  printEvent("finished", { out, languages: found.languages.length, vocabulary: found.vocabulary, set });
}

function summary(found: Found, set: Partial<Config>, out: string, minutes: number): readonly string[] {
  const expected = expectedMinutes(set, found.vocabulary);
  const isShort =
    expected < minutes / 2 ? `; for ${minutes} minutes there is too little text: more passes over it would learn it by heart` : "";
  const rows = found.languages.map(({ language, documents, bytes, tokens }) => [
    language,
    String(documents),
    `${short(bytes)}B`,
    short(tokens),
  ]);
  const name = basename(out).replace(/\.ya?ml$/, "");
  return [
    ...textTable([["language", "documents", "text", "tokens, about"], ...rows]),
    "",
    `${out}: ${set["model.layers"]} layers of width ${set["model.width"]}, context ${set["model.context"]}, vocabulary ${found.vocabulary}, ${set.steps} steps`,
    `${duration(expected)} of training on two cores${isShort}`,
    "",
    "next:",
    `  ${program()} train ${out} --workers 2`,
    `  ${program()} generate runs/${name} --language ${found.languages[0]?.language ?? "en"}`,
  ];
}
