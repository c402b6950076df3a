/**
 * Documents to tokens: split, tokenizer, shards, manifest, all in memory. The result is a function of the documents'
 * content and the options: not of paths, of the order of files (except for split `tail`, which keeps it) or of the engine.
 */
import { assert } from "../base/assert.ts";
import type { Sha256 } from "../base/digest.ts";
import { BabelgradError } from "../base/errors.ts";
import type { Language } from "../base/ids.ts";
import { type Manifest, manifestJson, type ShardEntry, sealManifest } from "../data/manifest.ts";
import { type Tokenizer, tokenizerOf } from "../data/tokenizer.ts";
import { type TokenizerFile, tokenizerJson } from "../data/tokenizer-file.ts";
import { trainBpe } from "./bpe-trainer.ts";
import { compare, type Document } from "./document.ts";
import { type Parts, type SplitOptions, split } from "./split.ts";

export interface PrepareOptions {
  readonly tokenizer: "bpe" | "characters" | "bytes";
  readonly vocabulary: number;
  readonly split: SplitOptions;
}

export interface Prepared {
  readonly manifest: Manifest;
  /** Files of the data folder by name, `manifest.json` the last. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** @throws BabelgradError `documents-too-few`, `vocabulary-too-large` */
export function prepare(documents: readonly Document[], options: PrepareOptions, sha256: Sha256): Prepared {
  assert(documents.length > 0, "there are documents to prepare");
  const parts = split(documents, options.split, sha256);
  const tokenizerFile = trainTokenizer(parts, options);
  const tokenizer = tokenizerOf(tokenizerFile);
  const tokenizerBytes = utf8.encode(tokenizerJson(tokenizerFile));
  const files = new Map<string, Uint8Array>([["tokenizer.json", tokenizerBytes]]);
  const shard = (language: Language, part: "train" | "validation", texts: readonly string[]): ShardEntry => {
    const { bytes, tokens, textBytes } = encodeShard(tokenizer, texts);
    const file = `${language}.${part}.bin`;
    files.set(file, bytes);
    return { file, sha256: sha256([bytes]), fileBytes: bytes.length, tokens, documents: texts.length, textBytes };
  };
  const manifest = sealManifest(
    {
      version: 1,
      tokenizer: { file: "tokenizer.json", sha256: sha256([tokenizerBytes]), kind: tokenizer.kind },
      vocabulary: tokenizer.vocabulary,
      endOfText: tokenizer.endOfText,
      split: options.split,
      languages: parts.map(({ language, train, validation }) => ({
        language,
        train: shard(language, "train", train),
        validation: shard(language, "validation", validation),
      })),
    },
    sha256,
  );
  files.set("manifest.json", utf8.encode(manifestJson(manifest)));
  return { manifest, files };
}

const utf8 = new TextEncoder();

function trainTokenizer(parts: readonly Parts[], options: PrepareOptions): TokenizerFile {
  switch (options.tokenizer) {
    case "bytes":
      return { kind: "bytes", tokens: Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)), merges: [] };
    case "bpe":
      return trainBpe(
        parts.flatMap(({ train }) => train),
        options.vocabulary,
      );
    case "characters": {
      // Of validation too: a character without a token could not be counted.
      const characters = new Set<string>();
      for (const { train, validation } of parts)
        for (const text of [...train, ...validation]) for (const character of text) characters.add(character);
      if (characters.size >= 65_536)
        throw new BabelgradError(
          "vocabulary-too-large",
          `the text has ${characters.size} different characters; with end-of-text that is more than 65,536 tokens`,
        );
      return {
        kind: "characters",
        tokens: [...characters].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0) || compare(a, b)),
        merges: [],
      };
    }
  }
}

function encodeShard(
  tokenizer: Tokenizer,
  texts: readonly string[],
): { readonly bytes: Uint8Array; readonly tokens: number; readonly textBytes: number } {
  const pieces = texts.map((text) => tokenizer.encode(text));
  const tokens = pieces.reduce((sum, piece) => sum + piece.length + 1, 0);
  const bytes = new Uint8Array(tokens * 2);
  const view = new DataView(bytes.buffer);
  let at = 0;
  let textBytes = 0;
  const put = (token: number): void => {
    view.setUint16(at, token, true);
    textBytes += tokenizer.byteLengths[token] ?? 0;
    at += 2;
  };
  for (const piece of pieces) {
    piece.forEach(put);
    put(tokenizer.endOfText);
  }
  return { bytes, tokens, textBytes };
}
