/**
 * Looks at inputs before anything is prepared: which languages, how much text, what a document should be, and how many
 * tokens that is under a tokenizer trained on a part of it.
 */
import { BabelgradError } from "../../base/errors.ts";
import { tokenizerOf } from "../../data/tokenizer.ts";
import { trainBpe } from "../bpe-trainer.ts";
import { byLanguage, type Document } from "../document.ts";
import type { DocumentUnit } from "./read-file.ts";
import { findInputs, type InputOptions, readInputs } from "./read-inputs.ts";

export interface Survey {
  readonly documents: DocumentUnit;
  readonly vocabulary: number;
  /** Languages ascending. */
  readonly languages: readonly SurveyedLanguage[];
}

export interface SurveyedLanguage {
  readonly language: string;
  readonly documents: number;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Estimated from the part that was looked at, end-of-text included. */
  readonly tokens: number;
}

/** Units from the largest on: the first that gives every language enough documents to hold some back. */
const units: readonly DocumentUnit[] = ["file", "paragraph", "line"];
const documentsWanted = 20;
/** Characters of all languages together that a tokenizer is tried on. */
const sampleCharacters = 2_000_000;

/** `vocabularyFor` bytes of text. @throws BabelgradError what reading throws; `documents-too-few` for a language of one line */
export async function surveyInputs(options: Omit<InputOptions, "documents">, vocabularyFor: (bytes: number) => number): Promise<Survey> {
  const { unit, groups } = await readAsDocuments(options);
  for (const [language, own] of groups)
    if (new Set(own.map(({ text }) => text)).size < 2)
      throw new BabelgradError("documents-too-few", `${language} has one document only, and one has to be held back for validation`, {
        language,
      });
  const sizes = [...groups].map(([language, own]) => ({
    language,
    documents: own.length,
    bytes: own.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0),
  }));
  const vocabulary = vocabularyFor(sizes.reduce((sum, { bytes }) => sum + bytes, 0));
  const samples = new Map([...groups].map(([language, own]) => [language, sampleOf(own, sampleCharacters / groups.size)]));
  const tokenizer = tokenizerOf(trainBpe([...samples.values()].flat(), vocabulary));
  return {
    documents: unit,
    vocabulary,
    languages: sizes.map((size) => {
      const texts = samples.get(size.language) ?? [];
      const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
      const tokens = texts.reduce((sum, text) => sum + tokenizer.encode(text).length, 0);
      return { ...size, tokens: Math.max(2, Math.round((tokens * size.bytes) / bytes) + size.documents) };
    }),
  };
}

async function readAsDocuments(
  options: Omit<InputOptions, "documents">,
): Promise<{ readonly unit: DocumentUnit; readonly groups: ReadonlyMap<string, readonly Document[]> }> {
  for (const unit of units) {
    const groups = byLanguage(await readInputs(await findInputs({ ...options, documents: unit }), unit));
    const fewest = Math.min(...[...groups.values()].map((own) => own.length));
    if (fewest >= documentsWanted || unit === units.at(-1)) return { unit, groups };
  }
  throw new Error("there are units");
}

/** Documents spread over the whole, of about so many characters; a long one is cut. */
function sampleOf(documents: readonly Document[], characters: number): readonly string[] {
  const total = documents.reduce((sum, { text }) => sum + text.length, 0);
  const every = Math.max(1, Math.ceil(total / characters));
  return documents.filter((_, i) => i % every === 0).map(({ text }) => text.slice(0, characters).replace(/\p{Surrogate}/gu, "\uFFFD"));
}
