/**
 * Writes text with a model, token by token. The draw of token i is a function of (seed, i), so that the same prompt and
 * seed give the same text on every machine of a numeric class.
 */
import { exp } from "../base/approximate.ts";
import { randomStream, unit } from "../base/random.ts";

export interface GenerationSettings {
  /** Tokens to write at most. */
  readonly tokens: number;
  /** Most tokens the model can look back on. */
  readonly context: number;
  /** Divides the logits: under 1 safer, over 1 wilder. */
  readonly temperature: number;
  /** Only the k most likely tokens are drawn from; 0: all. */
  readonly topK: number;
  readonly seed: number;
  /** Stops before this token. */
  readonly endOfText: number;
}

/** Logits [vocabulary] after a token at a position of the text: the trainer's `decode`. */
export type Decode = (token: number, position: number) => Promise<Float32Array>;

/** The tokens written after `prompt`, without it. */
export async function generate(decode: Decode, prompt: readonly number[], settings: GenerationSettings): Promise<readonly number[]> {
  const draws = randomStream(settings.seed, "generation");
  const written: number[] = [];
  let position = 0;
  let logits: Float32Array = new Float32Array();
  for (const token of prompt.slice(-settings.context)) logits = await decode(token, position++);
  for (let i = 0; i < settings.tokens; i++) {
    const token = drawToken(logits, settings, unit(draws, i));
    if (token === settings.endOfText) break;
    written.push(token);
    if (position === settings.context) {
      position = 0;
      const seen = [...prompt, ...written.slice(0, -1)];
      for (const before of seen.slice(-Math.ceil(settings.context / 2))) await decode(before, position++);
    }
    logits = await decode(token, position++);
  }
  return written;
}

/** Draws from softmax(logits / temperature) over the top k. `draw` is uniform in [0, 1). */
export function drawToken(
  logits: Float32Array,
  { temperature, topK }: Pick<GenerationSettings, "temperature" | "topK">,
  draw: number,
): number {
  const ranked = Array.from(logits, (logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit || a.token - b.token);
  const kept = topK > 0 ? ranked.slice(0, topK) : ranked;
  const highest = kept[0]?.logit ?? 0;
  const weights = kept.map(({ logit }) => exp(Math.max(-700, (logit - highest) / temperature)));
  let left = draw * weights.reduce((sum, w) => sum + w, 0);
  for (const [i, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return kept[i]?.token ?? 0;
  }
  return kept.at(-1)?.token ?? 0;
}
