/** The manifest of prepared data: what a run's samples are a function of, besides seed and mixture. */
import { digestOf, type Sha256 } from "../base/digest.ts";
import { BabelgradError } from "../base/errors.ts";
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

/** The manifest with its hash, fields in the order of the interfaces above. */
export function sealManifest(content: Omit<Manifest, "sha256">, sha256: Sha256): Manifest {
  const ordered = orderedContent(content);
  return { ...ordered, sha256: digestOf(sha256, [JSON.stringify(ordered)]) };
}

/** The text of manifest.json. */
export function manifestJson(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** @throws BabelgradError `manifest-invalid` when the text is no manifest or its hash is not that of its content */
export function parseManifest(json: string, dir: string, sha256: Sha256): Manifest {
  try {
    const manifest = JSON.parse(json) as Manifest; // proof: a hash that is equal below was made from a Manifest
    const sealed = sealManifest(manifest, sha256);
    if (manifest.version === 1 && sealed.sha256 === manifest.sha256) return sealed;
  } catch (cause) {
    throw new BabelgradError("manifest-invalid", `${dir}/manifest.json is not a manifest`, { dir }, { cause });
  }
  throw new BabelgradError("manifest-invalid", `${dir}/manifest.json has a sha256 that is not that of its content`, { dir });
}

/** Equal content in equal order, so that equal content has an equal hash; without the hash and what is unknown. */
function orderedContent({ tokenizer, vocabulary, endOfText, split, languages }: Omit<Manifest, "sha256">): Omit<Manifest, "sha256"> {
  const shard = ({ file, sha256, fileBytes, tokens, documents, textBytes }: ShardEntry): ShardEntry => ({
    file,
    sha256,
    fileBytes,
    tokens,
    documents,
    textBytes,
  });
  return {
    version: 1,
    tokenizer: { file: tokenizer.file, sha256: tokenizer.sha256, kind: tokenizer.kind },
    vocabulary,
    endOfText,
    split: { kind: split.kind, share: split.share },
    languages: languages.map(({ language, train, validation }) => ({ language, train: shard(train), validation: shard(validation) })),
  };
}
