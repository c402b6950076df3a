/** Drawing tokens and writing text, with models that are a few lines each. */
import { expect, test } from "vitest";
import { parseTokenizer } from "../../../src/data/tokenizer.ts";
import { tokenizerJson } from "../../../src/data/tokenizer-file.ts";
import { type Decode, drawToken, type GenerationSettings, generate, piecesOf } from "../../../src/tasks/generation.ts";

const all = { temperature: 1, topK: 0, topP: 1 };
/** Logits of these probabilities. */
const logitsOf = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, Math.log);
const draws = Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000);
/** How many of a thousand even draws fall on each token. */
const countsOf = (logits: Float32Array, settings: typeof all): number[] => {
  const counts = Array.from(logits, () => 0);
  for (const draw of draws) {
    const token = drawToken(logits, settings, draw);
    counts[token] = (counts[token] ?? 0) + 1;
  }
  return counts;
};

test("temperature 1 and nothing left out: tokens by their probabilities", () => {
  expect(countsOf(logitsOf(0.1, 0.6, 0.3), all)).toEqual([100, 600, 300]);
});

test("temperature 0: the likeliest token whatever the draw; of equal ones the lowest", () => {
  const logits = Float32Array.of(1, 3, 3, -2);
  expect(new Set(draws.map((draw) => drawToken(logits, { ...all, temperature: 0 }, draw)))).toEqual(new Set([1]));
});

test("a low temperature: sharper; a high one: flatter", () => {
  const logits = logitsOf(0.8, 0.2);
  expect(countsOf(logits, { ...all, temperature: 0.5 })[0]).toBe(941); // 16 : 1
  expect(countsOf(logits, { ...all, temperature: 2 })[0]).toBe(667); // 2 : 1
});

test("top-k: the k likeliest alone, in their proportion; of equal ones the lowest are kept", () => {
  expect(countsOf(logitsOf(0.1, 0.6, 0.3), { ...all, topK: 2 })).toEqual([0, 667, 333]);
  expect(countsOf(logitsOf(0.25, 0.25, 0.25, 0.25), { ...all, topK: 3 })[3]).toBe(0);
});

test("top-p: as few of the likeliest as reach p together, and at least one", () => {
  const logits = logitsOf(0.05, 0.5, 0.3, 0.15);
  expect(countsOf(logits, { ...all, topP: 0.75 })).toEqual([0, 625, 375, 0]);
  expect(countsOf(logits, { ...all, topP: 0.85 })[3]).toBeGreaterThan(0);
  expect(countsOf(logits, { ...all, topP: 0.01 })).toEqual([0, 1000, 0, 0]);
});

test("top-k and top-p: p is a share of what k leaves", () => {
  expect(countsOf(logitsOf(0.1, 0.6, 0.3), { temperature: 1, topK: 2, topP: 0.66 })).toEqual([0, 1000, 0]);
});

const endOfText = 9;
const settings: GenerationSettings = { ...all, temperature: 0, tokens: 6, positions: 4, seed: 1, endOfText };

/** Writes 1 + the last token, so the text counts up; notes what it was fed. */
function counter(): { readonly decode: Decode; readonly fed: [token: number, position: number][] } {
  const fed: [number, number][] = [];
  return {
    fed,
    decode: async (token, position) => {
      fed.push([token, position]);
      return Float32Array.from({ length: 10 }, (_, next) => (next === token + 1 ? 1 : 0));
    },
  };
}

async function written(decode: Decode, prompt: readonly number[], changes: Partial<GenerationSettings> = {}): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of generate(decode, prompt, { ...settings, ...changes })) tokens.push(token);
  return tokens;
}

test("a text that fills the context: the last half is read again, and it goes on", async () => {
  const { decode, fed } = counter();
  expect(await written(decode, [1, 2])).toEqual([3, 4, 5, 6, 7, 8]);
  const positions = fed.map(([token, position]) => `${token}@${position}`).join(" ");
  expect(positions).toBe("1@0 2@1 3@2 4@3 4@0 5@1 6@2 7@3");
});

test("a prompt longer than the context: its end is read", async () => {
  const { decode, fed } = counter();
  expect(await written(decode, [0, 1, 2, 3, 4, 5], { tokens: 1 })).toEqual([6]);
  expect(fed).toEqual([2, 3, 4, 5].map((token, position) => [token, position]));
});

test("a context of one token, or one without end", async () => {
  expect(await written(counter().decode, [3, 4], { positions: 1, tokens: 3 })).toEqual([5, 6, 7]);
  const { decode, fed } = counter();
  await written(decode, [1], { positions: Number.POSITIVE_INFINITY });
  expect(fed.map(([, position]) => position)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("end of text: it stops before it; an empty prompt begins behind one", async () => {
  expect(await written(counter().decode, [7])).toEqual([8]);
  const { decode, fed } = counter();
  await written(decode, [], { tokens: 1 });
  expect(fed).toEqual([[endOfText, 0]]);
});

test("the same seed: the same text; another seed: another", async () => {
  const even: Decode = async () => new Float32Array(10).fill(0).map((_, token) => (token === endOfText ? -100 : 0));
  const write = (seed: number): Promise<number[]> => written(even, [1], { temperature: 1, tokens: 50, seed });
  expect(await write(5)).toEqual(await write(5));
  expect(await write(6)).not.toEqual(await write(5));
});

test("characters of several tokens: each piece is whole characters, and bytes that no character came of are shown at the end", async () => {
  const bytes = parseTokenizer(
    tokenizerJson({ kind: "bytes", tokens: Array.from({ length: 256 }, (_, b) => String.fromCharCode(b)), merges: [] }),
  );
  const pieces: string[] = [];
  const tokens = async function* (): AsyncGenerator<number> {
    yield* [...bytes.encode("aß語🙂"), 0xe8];
  };
  for await (const piece of piecesOf(bytes, tokens())) pieces.push(piece);
  expect(pieces).toEqual(["a", "ß", "語", "🙂", "�"]);
});
