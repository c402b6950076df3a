/** Documents, as the readers give them, and the order that makes prepared data independent of where they came from. */
import { present } from "../base/assert.ts";
import { digestOf, type Sha256 } from "../base/digest.ts";
import type { Digest, Language } from "../base/ids.ts";

export interface Document {
  readonly language: Language;
  /** Equal for translations of one another: the place in its file, or the record's `id`. For split `id`. */
  readonly id: string;
  readonly text: string;
}

export interface HashedDocument extends Document {
  readonly hash: Digest;
}

/** Documents by language, languages in ascending order, each language's documents as they came. */
export function byLanguage(documents: readonly Document[]): ReadonlyMap<Language, readonly Document[]> {
  const groups = new Map<Language, Document[]>();
  for (const language of [...new Set(documents.map((document) => document.language))].sort(compare)) groups.set(language, []);
  for (const document of documents) present(groups.get(document.language), "every language has a group").push(document);
  return groups;
}

/** Documents with their hashes, each text once: the smallest id stays. Ordered by `key`, then by hash. */
export function distinct(documents: readonly Document[], key: "hash" | "id", sha256: Sha256): readonly HashedDocument[] {
  const hashed = documents
    .map((document) => ({ ...document, hash: digestOf(sha256, [document.text]) }))
    .sort((a, b) => compare(a.id, b.id) || compare(a.hash, b.hash));
  const seen = new Set<Digest>();
  const once = hashed.filter(({ hash }) => !seen.has(hash) && seen.add(hash));
  return key === "id" ? once : once.sort((a, b) => compare(a.hash, b.hash));
}

/** By UTF-16 code units, the same everywhere; a locale would not be. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
