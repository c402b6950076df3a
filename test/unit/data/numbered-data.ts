/** A manifest and shards of numbered tokens, so that a batch shows where it was read. */
import { digestOf } from "../../../src/base/digest.ts";
import { sha256 } from "../../../src/base/io/sha256.ts";
import type { ShardTokens } from "../../../src/data/leaf-source.ts";
import { type Manifest, type ShardEntry, sealManifest } from "../../../src/data/manifest.ts";
import type { SampleConfig } from "../../../src/data/step-samples.ts";

export const endOfText = 65_535;

/** Languages aa, bb, … with the given tokens in training and validation; token i of language l is 1000·l + i. */
export function numberedData(sizes: readonly (readonly [train: number, validation: number])[]): {
  manifest: Manifest;
  shards: ShardTokens[];
} {
  const shards = sizes.map((pair, language) => {
    const [train, validation] = pair.map((length) => Uint16Array.from({ length }, (_, i) => 1000 * language + i));
    return { train: train ?? new Uint16Array(0), validation: validation ?? new Uint16Array(0) };
  });
  const languages = shards.map(({ train, validation }, i) => {
    const language = String.fromCharCode(97 + i).repeat(2);
    return { language, train: entry(`${language}.train.bin`, train), validation: entry(`${language}.validation.bin`, validation) };
  });
  const manifest = sealManifest(
    {
      version: 1,
      tokenizer: { file: "tokenizer.json", sha256: digestOf(sha256, ["none"]), kind: "bpe" },
      vocabulary: 65_536,
      endOfText,
      split: { kind: "hash", share: 0.1 },
      languages,
    },
    sha256,
  );
  return { manifest, shards };
}

function entry(file: string, tokens: Uint16Array): ShardEntry {
  const bytes = new Uint8Array(tokens.buffer);
  return { file, sha256: sha256([bytes]), fileBytes: bytes.length, tokens: tokens.length, documents: 1, textBytes: tokens.length };
}

export const sampleConfig: SampleConfig = {
  seed: 5,
  steps: 10,
  "mixture.kind": "unimax",
  "mixture.epochs": 100,
  "mixture.temperature": 1,
  "mixture.budget": 0,
  "model.context": 4,
  "step.leaves": 4,
  "step.sequences": 3,
};
