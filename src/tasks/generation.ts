/**
 * Writes text with a model, token by token. The draw of token i is a function of (seed, i), so that the same prompt and
 * seed give the same text on every machine of a numeric class.
 */
import { exp } from "../base/approximate.ts";
import { randomStream, unit } from "../base/random.ts";
import type { ModelConfig } from "../config/options.ts";
import { type Tokenizer, textStream } from "../data/tokenizer.ts";

export interface SamplingSettings {
  /** Divides the logits: under 1 safer, over 1 wilder; 0: always the likeliest token, of equal ones the lowest. */
  readonly temperature: number;
  /** Only the k likeliest tokens are drawn from; 0: all. */
  readonly topK: number;
  /** Of these only as many of the likeliest as it takes for a probability of p together; 1: all. */
  readonly topP: number;
}

export interface GenerationSettings extends SamplingSettings {
  /** Tokens to write at most. */
  readonly tokens: number;
  /** Positions that a text of the model can have (`positionsOf`). */
  readonly positions: number;
  readonly seed: number;
  /** Stops before this token; an empty prompt begins behind it, as a document does. */
  readonly endOfText: number;
}

/** Logits [vocabulary] after a token at a position of the text: the trainer's `decode`. */
export type Decode = (token: number, position: number) => Promise<Float32Array>;

/** Positions that a text can have: a transformer knows as many as its context, an LSTM goes on for ever. */
export function positionsOf(config: ModelConfig): number {
  return config["model.kind"] === "transformer" ? config["model.context"] : Number.POSITIVE_INFINITY;
}

/**
 * The tokens that follow `prompt`, as they are written. Of a prompt that is longer than the model's positions the end
 * is used. When the positions are used up the model reads the last half of them again and goes on from there.
 */
export async function* generate(decode: Decode, prompt: Iterable<number>, settings: GenerationSettings): AsyncGenerator<number, void> {
  const { tokens, positions, seed, endOfText } = settings;
  const draws = randomStream(seed, "generation");
  const text = [...prompt];
  if (text.length === 0) text.push(endOfText);
  let read = Math.max(0, text.length - positions);
  let position = 0;
  let logits: Float32Array = new Float32Array();
  for (let i = 0; i < tokens; i++) {
    while (read < text.length) {
      if (position === positions) {
        position = 0;
        read = text.length - Math.ceil(positions / 2);
      }
      logits = await decode(text[read++] ?? endOfText, position++);
    }
    const token = drawToken(logits, settings, unit(draws, i));
    if (token === endOfText) return;
    text.push(token);
    yield token;
  }
}

/** The text of tokens in pieces of whole characters: bytes of one that is not finished are held back until the last piece. */
export async function* piecesOf(tokenizer: Tokenizer, tokens: AsyncIterable<number>): AsyncGenerator<string, void> {
  const stream = textStream(tokenizer);
  for await (const token of tokens) {
    const piece = stream.push(token);
    if (piece !== "") yield piece;
  }
  const rest = stream.end();
  if (rest !== "") yield rest;
}

/** Tokens of less than e⁻³⁰ of the likeliest one's probability are never drawn, and need not be ranked. */
const leastLogShare = -30;

/** Draws from softmax(logits / temperature) over what top-k and top-p leave, at least one. `draw` is uniform in [0, 1). */
export function drawToken(logits: Float32Array, { temperature, topK, topP }: SamplingSettings, draw: number): number {
  const best = logits.reduce((best, logit, token) => (logit > (logits[best] ?? 0) ? token : best), 0);
  if (temperature === 0) return best;
  const logShares = logits.map((logit) => (logit - (logits[best] ?? 0)) / temperature);
  const logShareOf = (token: number): number => logShares[token] ?? 0;
  const likely = Array.from(logShares.keys()).filter((token) => logShareOf(token) >= leastLogShare);
  const ranked = likely.sort((a, b) => logShareOf(b) - logShareOf(a) || a - b).slice(0, topK === 0 ? undefined : topK);
  const weights = ranked.map((token) => exp(logShareOf(token)));
  const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  const kept = weights.slice(0, nucleusSize(weights, topP * sumOf(weights)));
  let left = draw * sumOf(kept);
  const drawn = kept.findIndex((weight) => {
    left -= weight;
    return left < 0;
  });
  return ranked.at(drawn < 0 ? kept.length - 1 : drawn) ?? best;
}

/** How many of the weights, largest first, reach `enough` together. */
function nucleusSize(weights: readonly number[], enough: number): number {
  let sum = 0;
  const last = weights.findIndex((weight) => {
    sum += weight;
    return sum >= enough;
  });
  return last < 0 ? weights.length : last + 1;
}
