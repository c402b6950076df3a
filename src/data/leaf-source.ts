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

export interface LeafSource extends ValidationSource {
  leaf(step: Step, leaf: Leaf): LeafBatch;
}

export interface ValidationSource {
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
  const samples = stepSamples(config, manifest);
  const shape = shapeOf(config, manifest, byteLengths);
  const trainOf = (language: number): Uint16Array => present(shards[language], "a shard for each language of the manifest").train;
  return {
    leaf: (step, leaf) => batchOf(shape, step, leaf, samples.samplesOfLeaf(step, leaf), trainOf),
    ...validationSource(
      config,
      manifest,
      shards.map(({ validation }) => validation),
      byteLengths,
    ),
  };
}

/** The validation split alone, for a model whose training is over. `shards` are those of validation in the manifest's order. */
export function validationSource(
  config: Pick<SampleConfig, "model.context" | "step.sequences">,
  manifest: Manifest,
  shards: readonly Uint16Array[],
  byteLengths: Int32Array,
): ValidationSource {
  const shape = shapeOf(config, manifest, byteLengths);
  const { sequences, context } = shape;
  const places: readonly Place[] = manifest.languages.flatMap(({ validation }, language) =>
    Array.from({ length: sequencesOf(validation, context) }, (_, sequence) => ({ language, sequence })),
  );
  const validationCount = Math.ceil(places.length / sequences);
  return {
    validationCount,
    validation(index) {
      assert(index >= 0 && index < validationCount, `validation leaf ${index} of ${validationCount}`);
      const part = places.slice(index * sequences, (index + 1) * sequences);
      return batchOf(shape, 0, index, part, (language) => present(shards[language], "a shard for each language of the manifest"));
    },
  };
}

interface Shape {
  readonly sequences: number;
  readonly context: number;
  readonly endOfText: number;
  readonly byteLengths: Int32Array;
}

function shapeOf(config: Pick<SampleConfig, "model.context" | "step.sequences">, manifest: Manifest, byteLengths: Int32Array): Shape {
  return { sequences: config["step.sequences"], context: config["model.context"], endOfText: manifest.endOfText, byteLengths };
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
