/**
 * What is held back for validation. `hash`: each language's documents with the smallest hashes. `id`: the same ids in every
 * language, for parallel text, where a translation of a held-back document would give it away. `tail`: the end of the text.
 */
import { digestOf, type Sha256 } from "../base/digest.ts";
import { BabelgradError } from "../base/errors.ts";
import type { Language } from "../base/ids.ts";
import { byLanguage, compare, type Document, distinct } from "./document.ts";

export interface SplitOptions {
  readonly kind: "hash" | "tail" | "id";
  readonly share: number;
}

export interface Parts {
  readonly language: Language;
  /** Texts in the order they are written. */
  readonly train: readonly string[];
  readonly validation: readonly string[];
}

/** Languages ascending. @throws BabelgradError `documents-too-few` */
export function split(documents: readonly Document[], options: SplitOptions, sha256: Sha256): readonly Parts[] {
  const parts = Array.from(byLanguage(documents), ([language, own]) => ({ language, own }));
  switch (options.kind) {
    case "tail":
      return parts.map(({ language, own }) => checked({ language, ...splitTail(own, options.share) }, own.length));
    case "hash":
      return parts.map(({ language, own }) => {
        const ordered = distinct(own, "hash", sha256);
        const held = Math.max(1, Math.round(ordered.length * options.share));
        const texts = ordered.map(({ text }) => text);
        return checked({ language, train: texts.slice(held), validation: texts.slice(0, held) }, ordered.length);
      });
    case "id": {
      const languages = parts.map(({ language, own }) => ({ language, own: distinct(own, "id", sha256) }));
      const held = heldIds(languages, options.share, sha256);
      return languages.map(({ language, own }) => {
        const texts = (isHeld: boolean): readonly string[] => own.filter(({ id }) => held.has(id) === isHeld).map(({ text }) => text);
        return checked({ language, train: texts(false), validation: texts(true) }, own.length);
      });
    }
  }
}

/** The share of all ids with the smallest hashes, and the smallest of each language that has none of them. */
function heldIds(languages: readonly { readonly own: readonly Document[] }[], share: number, sha256: Sha256): ReadonlySet<string> {
  const hashes = new Map<string, string>();
  for (const { own } of languages) for (const { id } of own) if (!hashes.has(id)) hashes.set(id, digestOf(sha256, [id]));
  const ids = [...hashes].sort(([, a], [, b]) => compare(a, b)).map(([id]) => id);
  const held = new Set(ids.slice(0, Math.max(1, Math.round(ids.length * share))));
  for (const { own } of languages) {
    const ownIds = new Set(own.map(({ id }) => id));
    const smallest = ids.find((id) => ownIds.has(id));
    // Held ids are the smallest of all, so the smallest of its own is one of them when the language has any.
    if (smallest !== undefined) held.add(smallest);
  }
  return held;
}

/** The first (1 − share) of the characters (code points) train, the rest validate, as in nanoGPT; a document may be cut. */
function splitTail(documents: readonly Document[], share: number): Pick<Parts, "train" | "validation"> {
  const lengths = documents.map(({ text }) => codePoints(text));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let left = Math.floor(total * (1 - share));
  const train: string[] = [];
  const validation: string[] = [];
  documents.forEach(({ text }, i) => {
    const length = lengths[i] ?? 0;
    const cut = left >= length ? text.length : unitOfCodePoint(text, left);
    if (cut > 0) train.push(text.slice(0, cut));
    if (cut < text.length) validation.push(text.slice(cut));
    left = Math.max(0, left - length);
  });
  return { train, validation };
}

function checked(parts: Parts, documents: number): Parts {
  if (parts.train.length > 0 && parts.validation.length > 0) return parts;
  throw new BabelgradError(
    "documents-too-few",
    `${parts.language}: ${documents} different document${documents === 1 ? "" : "s"}, of which ${parts.train.length} would be left for training and ${parts.validation.length} for validation`,
    { language: parts.language },
  );
}

function codePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += width(text, i)) count++;
  return count;
}

/** Index of the code unit at which code point `place` starts. */
function unitOfCodePoint(text: string, place: number): number {
  let unit = 0;
  for (let i = 0; i < place; i++) unit += width(text, unit);
  return unit;
}

function width(text: string, unit: number): 1 | 2 {
  return (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
}
