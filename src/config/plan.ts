/**
 * A first configuration for somebody's text: sizes that follow from how much text there is and how many minutes two CPU
 * cores should train. A rule of thumb, and nothing but arithmetic:
 *
 * 1. Vocabulary: a token for every 128 bytes of text, a power of two between 512 and what the minutes can pay for.
 * 2. Compute: 6 FLOP a parameter and token at `flopsPerSecond`. The model is the largest of the ladder whose parameters are
 *    met by at least 2 tokens each in that time, as in the example of twelve languages.
 * 3. A step reads an eighth of the text at most, 4096 tokens or more where there is enough.
 * 4. Steps: what the compute pays for, and at most `passesMax` passes over the text; `mixture.epochs` allows a small language
 *    twice the passes that all have on average, so the steps always fit.
 */
import type { Config } from "./options.ts";

/** What is known of one language's text; `tokens` under a tokenizer of the vocabulary that was planned. */
export interface LanguageSize {
  readonly language: string;
  readonly bytes: number;
  readonly tokens: number;
}

/** What two cores do in small matrices, with a third left for what is not a product. Measured: the example of twelve languages, 21,600 tokens/s. */
const flopsPerSecond = 6e10;
const tokensPerParameter = 2;
/** More passes than this learn small text by heart: on 20 and on 300 captions a language validation was best after 10 of 40. */
const passesMax = 10;

const ladder = [
  { layers: 2, width: 64 },
  { layers: 2, width: 128 },
  { layers: 4, width: 128 },
  { layers: 4, width: 192 },
  { layers: 4, width: 256 },
  { layers: 6, width: 384 },
  { layers: 8, width: 512 },
] as const;

/** Tokens of the vocabulary, a power of two, for so many bytes of text in all languages. */
export function plannedVocabulary(bytes: number, minutes: number): number {
  const most = minutes < 15 ? 4096 : minutes < 120 ? 8192 : 16384;
  return Math.min(most, Math.max(512, 2 ** Math.floor(Math.log2(Math.max(1, bytes / 128)))));
}

/** The options that a first run on this text should set. `vocabulary` tokens; languages with at least one token each. */
export function planRun(languages: readonly LanguageSize[], vocabulary: number, minutes: number): Partial<Config> {
  const flops = minutes * 60 * flopsPerSecond;
  const total = languages.reduce((sum, { tokens }) => sum + tokens, 0);
  const affords = ({ layers, width }: (typeof ladder)[number]) => 6 * tokensPerParameter * sizeOf(layers, width, vocabulary) ** 2 <= flops;
  // A model far larger than the text learns it by heart before it learns the language.
  const suits = ({ layers, width }: (typeof ladder)[number]) => 12 * layers * width ** 2 <= 20 * total;
  const { layers, width } = ladder.findLast((rung) => affords(rung) && suits(rung)) ?? ladder[0];
  const context = total < 1_000_000 ? 64 : 128;
  const sequences = languages.reduce((sum, { tokens }) => sum + Math.max(1, Math.ceil((tokens - 1) / context)), 0);
  const draws = powerOfTwo(sequences / 8, 8, 4096 / context);
  const affordable = flops / (6 * sizeOf(layers, width, vocabulary) * draws * context);
  const steps = Math.max(20, round(Math.min(affordable, (passesMax * sequences) / draws)));
  const passes = (steps * draws) / sequences;
  const leaves = Math.min(16, draws);
  const rate = width <= 128 ? 3e-3 : width <= 256 ? 2e-3 : 1e-3;
  return {
    steps,
    "mixture.epochs": Math.ceil(2 * passes) + 1,
    "model.layers": layers,
    "model.heads": Math.max(2, width / 32),
    "model.width": width,
    "model.context": context,
    "model.dropout": passes > 4 ? 0.1 : 0,
    "step.leaves": leaves,
    "step.sequences": draws / leaves,
    "optimizer.rate": rate,
    "optimizer.rateFloor": Number((rate / 10).toPrecision(3)),
    "optimizer.warmup": Math.min(100, Math.ceil(steps / 10)),
    "optimizer.beta2": 0.99,
    "optimizer.decay": 0.1,
    "validate.every": Math.max(5, round(steps / 8)),
    "checkpoint.every": Math.max(5, round(steps / 4)),
  };
}

/** Minutes that two cores train what was planned: fewer than asked for where the text is too small for more. */
export function expectedMinutes(plan: Partial<Config>, vocabulary: number): number {
  const { steps = 0, "step.leaves": leaves = 0, "step.sequences": sequences = 0, "model.context": context = 0 } = plan;
  const size = sizeOf(plan["model.layers"] ?? 0, plan["model.width"] ?? 0, vocabulary);
  return (6 * size * steps * leaves * sequences * context) / flopsPerSecond / 60;
}

/** Parameters that every token meets: the layers and the output. */
function sizeOf(layers: number, width: number, vocabulary: number): number {
  return 12 * layers * width ** 2 + vocabulary * width;
}

/** The largest power of two up to `value`, from `least` to `most`, both powers of two. */
function powerOfTwo(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, 2 ** Math.floor(Math.log2(Math.max(1, value)))));
}

/** Down to two leading digits: a number that one remembers. */
function round(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 1);
  return Math.floor(value / unit) * unit;
}
