/** The manifest of prepared data: what a run's samples are a function of, besides seed and mixture. */
import type { Digest, Language } from "../base/ids.ts";

/** One part (training or validation) of one language: a shard file of little-endian uint16 tokens. */
export interface ShardEntry {
  /** File name inside the data folder. */
  readonly file: string;
  readonly sha256: Digest;
  readonly fileBytes: number;
  /** Tokens in the file: the documents joined by the end-of-text token, one after each. */
  readonly tokens: number;
  readonly documents: number;
  /** UTF-8 bytes of the text; end-of-text counts as 0. */
  readonly textBytes: number;
}

export interface ManifestLanguage {
  readonly language: Language;
  readonly train: ShardEntry;
  readonly validation: ShardEntry;
}

/** `manifest.json`. Its hash covers everything but itself, so equal content has an equal hash wherever it lies. */
export interface Manifest {
  readonly version: 1;
  readonly sha256: Digest;
  readonly tokenizer: { readonly file: "tokenizer.json"; readonly sha256: Digest; readonly kind: "bpe" | "characters" | "bytes" };
  /** Tokens of the vocabulary, end-of-text included. */
  readonly vocabulary: number;
  readonly endOfText: number;
  readonly split: { readonly kind: "hash" | "tail" | "id"; readonly share: number };
  /** Ascending by code; a language's place here is its index in tallies. */
  readonly languages: readonly ManifestLanguage[];
}
