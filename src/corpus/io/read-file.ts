/** The documents of one file: a text file cut into files, paragraphs or lines, or JSONL with a record a line. */
import { BabelgradError } from "../../base/errors.ts";
import type { Language } from "../../base/ids.ts";
import type { Document } from "../document.ts";
import { languageCode } from "../language-code.ts";
import { linesOf, textOf } from "./text-file.ts";

export type DocumentUnit = "file" | "paragraph" | "line";

/** A file to read. `name` is its path inside its language, the same for translations; "" for a file of its own. */
export interface InputFile {
  readonly path: string;
  readonly name: string;
  readonly language: Language | undefined;
}

export function isJsonl(path: string): boolean {
  return /\.(jsonl|ndjson)(\.gz)?$/.test(path);
}

/** @throws BabelgradError `corpus-*`, `jsonl-invalid`, `language-*` */
export async function readFileDocuments(file: InputFile, unit: DocumentUnit): Promise<readonly Document[]> {
  const documents = isJsonl(file.path) ? await readJsonl(file) : await readText(file, unit);
  if (documents.length === 0) throw new BabelgradError("corpus-empty", `${file.path} has no text`, { file: file.path });
  return documents;
}

async function readText({ path, name, language }: InputFile, unit: DocumentUnit): Promise<readonly Document[]> {
  if (language === undefined) throw new BabelgradError("language-missing", `${path} does not say its language`, { file: path });
  const documents: Document[] = [];
  const add = (text: string): void => {
    if (text.trim() === "") return;
    const place = unit === "file" ? name : `${name}#${String(documents.length).padStart(9, "0")}`;
    documents.push({ language, id: place, text });
  };
  switch (unit) {
    case "file": {
      let text = "";
      for await (const piece of textOf(path)) text += piece;
      add(text);
      break;
    }
    case "line":
      for await (const line of linesOf(path)) add(line);
      break;
    case "paragraph": {
      let lines: string[] = [];
      for await (const line of linesOf(path)) {
        if (line.trim() !== "") lines.push(line);
        else {
          add(lines.join("\n"));
          lines = [];
        }
      }
      add(lines.join("\n"));
    }
  }
  return documents;
}

async function readJsonl({ path, name, language }: InputFile): Promise<readonly Document[]> {
  const documents: Document[] = [];
  let number = 0;
  for await (const line of linesOf(path)) {
    number++;
    if (line.trim() === "") continue;
    const place = `${path}:${number}`;
    const record = parseRecord(line, place);
    if (typeof record.text !== "string") throw invalid(place, 'has no "text"');
    if (record.text.trim() === "") continue;
    if (record.language !== undefined && typeof record.language !== "string") throw invalid(place, 'has a "language" that is not text');
    const code = record.language === undefined ? language : languageCode(record.language);
    if (code === undefined) {
      if (record.language === undefined) throw new BabelgradError("language-missing", `${place} does not say its language`, { file: path });
      throw new BabelgradError("language-invalid", `${place}: ${JSON.stringify(record.language)} is not a language code`, { file: path });
    }
    const isNamed = typeof record.id === "string" || typeof record.id === "number";
    documents.push({
      language: code,
      id: isNamed ? String(record.id) : `${name}#${String(number).padStart(9, "0")}`,
      // An escape may stand for half a character, which is no text.
      text: record.text.replace(/\p{Surrogate}/gu, "\uFFFD"),
    });
  }
  return documents;
}

function parseRecord(line: string, place: string): Readonly<Record<string, unknown>> {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (cause) {
    throw invalid(place, "is not JSON", cause);
  }
  if (typeof record !== "object" || record === null || Array.isArray(record)) throw invalid(place, "is not a JSON object");
  return record as Readonly<Record<string, unknown>>; // proof: the line above
}

function invalid(place: string, what: string, cause?: unknown): BabelgradError {
  return new BabelgradError("jsonl-invalid", `${place} ${what}`, { line: place }, cause === undefined ? undefined : { cause });
}
