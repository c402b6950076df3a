/**
 * The batches of a run: leaf l of step s, and the validation split cut into leaves of the same shape, read from shards in
 * memory. S sequences of C tokens; sequence k is tokens [kC, kC + C] of a shard, its targets the tokens after each.
 */
import { assert, present } from "../base/assert.ts";
import type { Leaf, Step } from "../base/ids.ts";
import type { LeafBatch } from "./leaf.ts";
import type { Manifest } from "./manifest.ts";
import { type SampleConfig, sequencesOf, stepSamples } from "./step-samples.ts";

/** Tokens of one language, as in its files. */
export interface ShardTokens {
  readonly train: Uint16Array;
  readonly validation: Uint16Array;
}

export interface LeafSource {
  leaf(step: Step, leaf: Leaf): LeafBatch;
  /** Leaves that hold the whole validation split, language after language. */
  readonly validationCount: number;
  /** Validation leaf `index`, as leaf `index` of step 0; places of the last leaf that are left over have no targets. */
  validation(index: number): LeafBatch;
}

/** Where one sequence is read. */
interface Place {
  readonly language: number;
  readonly sequence: number;
}

/** `shards` in the manifest's order; `byteLengths` of the tokenizer: UTF-8 bytes of each token. */
export function leafSource(config: SampleConfig, manifest: Manifest, shards: readonly ShardTokens[], byteLengths: Int32Array): LeafSource {
  const context = config["model.context"];
  const sequences = config["step.sequences"];
  const samples = stepSamples(config, manifest);
  const shape: Shape = { sequences, context, endOfText: manifest.endOfText, byteLengths };
  const shardOf = (language: number): ShardTokens => present(shards[language], "a shard for each language of the manifest");
  const places: readonly Place[] = manifest.languages.flatMap(({ validation }, language) =>
    Array.from({ length: sequencesOf(validation, context) }, (_, sequence) => ({ language, sequence })),
  );
  const validationCount = Math.ceil(places.length / sequences);
  return {
    leaf: (step, leaf) => batchOf(shape, step, leaf, samples.samplesOfLeaf(step, leaf), (language) => shardOf(language).train),
    validationCount,
    validation(index) {
      assert(index >= 0 && index < validationCount, `validation leaf ${index} of ${validationCount}`);
      const part = places.slice(index * sequences, (index + 1) * sequences);
      return batchOf(shape, 0, index, part, (language) => shardOf(language).validation);
    },
  };
}

interface Shape {
  readonly sequences: number;
  readonly context: number;
  readonly endOfText: number;
  readonly byteLengths: Int32Array;
}

function batchOf(shape: Shape, step: Step, leaf: Leaf, places: readonly Place[], shardOf: (language: number) => Uint16Array): LeafBatch {
  const { sequences, context, byteLengths } = shape;
  const tokens = new Int32Array(sequences * context).fill(shape.endOfText);
  const targets = new Int32Array(sequences * context).fill(-1);
  const languages = new Int32Array(sequences);
  const targetCounts = new Int32Array(sequences);
  const targetBytes = new Int32Array(sequences);
  places.forEach(({ language, sequence }, row) => {
    const shard = shardOf(language);
    const start = sequence * context;
    const count = Math.min(context, shard.length - 1 - start);
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const target = shard[start + i + 1] ?? 0;
      tokens[row * context + i] = shard[start + i] ?? 0;
      targets[row * context + i] = target;
      bytes += byteLengths[target] ?? 0;
    }
    languages[row] = language;
    targetCounts[row] = count;
    targetBytes[row] = bytes;
  });
  return { step, leaf, tokens, targets, languages, targetCounts, targetBytes };
}
