/** `babelgrad generate`: the model of a run writes text, shown as it comes. */
import { text as textOf } from "node:stream/consumers";
import type { Command } from "commander";
import { present } from "../base/assert.ts";
import type { StoredModel } from "../coordinator/io/trained-model.ts";
import { openValidation } from "../data/io/prepared-data.ts";
import { decode, type Tokenizer } from "../data/tokenizer.ts";
import { openModel } from "../engine/io/open-model.ts";
import { generate, piecesOf, positionsOf } from "../tasks/generation.ts";
import { placeOfLanguage } from "../tasks/sampled-languages.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { type ModelFlags, modelOf, numberOf, warn, withModel } from "./model-flags.ts";
import { secondsSinceStart, withoutNoise } from "./without-noise.ts";

interface GenerateFlags extends ModelFlags {
  readonly prompt?: string;
  readonly language?: string;
  readonly tokens: string;
  readonly temperature: string;
  readonly topK: string;
  readonly topP: string;
  readonly seed: string;
  readonly count: string;
}

export function define(command: Command): void {
  withModel(command)
    .option("--prompt <TEXT>", "text to go on from; - reads it from standard input (default: a new document)")
    .option("--language <CODE>", "language of the prompt; without a prompt, begins as a validation text of that language does")
    .option("--tokens <COUNT>", "tokens to write at most", "200")
    .option("--temperature <T>", "under 1 safer, over 1 wilder, 0 always the likeliest token", "0.8")
    .option("--top-k <K>", "draw from the K likeliest tokens; 0: all", "40")
    .option("--top-p <P>", "of these from the likeliest that have probability P together", "1")
    .option("--seed <N>", "the same seed writes the same text; text i of --count has seed N + i", "0")
    .option("--count <N>", "texts to write", "1")
    .action((run: string, flags: GenerateFlags) => withoutNoise(() => write(run, flags)));
  withExamples(command, [
    'babelgrad generate runs/demo --prompt "Everyone has the right"',
    "babelgrad generate runs/demo --language fr --count 3 --temperature 0.6",
    "echo 'Alle Menschen' | babelgrad generate runs/demo --prompt - --tokens 50 --json",
  ]);
}

async function write(run: string, flags: GenerateFlags): Promise<void> {
  const whole = (flag: string, text: string, min: number): number => numberOf(flag, text, { min, isWhole: true });
  const count = whole("--count", flags.count, 1);
  const style = {
    tokens: whole("--tokens", flags.tokens, 1),
    temperature: numberOf("--temperature", flags.temperature, { min: 0, max: 100 }),
    topK: whole("--top-k", flags.topK, 0),
    topP: numberOf("--top-p", flags.topP, { min: 0, max: 1 }),
  };
  const firstSeed = whole("--seed", flags.seed, 0);
  const stored = await modelOf(run, flags);
  const { config, tokenizer, weights } = stored;
  const prompt = await promptOf(stored, flags);
  const promptTokens = tokenizer.encode(prompt);
  const positions = positionsOf(config);
  if (promptTokens.length > positions)
    warn(`the prompt has ${promptTokens.length} tokens and the model's context is ${positions}: the last ${positions} are used`, flags);

  const model = await openModel({ config, vocabulary: tokenizer.vocabulary, weights, use: "decode" });
  let isRead = true;
  // Whoever reads a pipe may leave early (`| head`): then nobody waits for the rest.
  process.stdout.on("error", () => {
    isRead = false;
  });
  let secondsToFirstToken: number | undefined;
  let all = 0;
  const began = performance.now();
  try {
    for (let index = 0; index < count && isRead; index++) {
      const settings = { ...style, positions, seed: firstSeed + index, endOfText: tokenizer.endOfText };
      let tokens = 0;
      let text = "";
      const counted = async function* (): AsyncGenerator<number> {
        for await (const token of generate((...at) => model.decode(...at), promptTokens, settings)) {
          secondsToFirstToken ??= secondsSinceStart();
          tokens++;
          yield token;
        }
      };
      if (!flags.json) process.stdout.write(`${index > 0 ? "\n---\n" : ""}${prompt}`);
      for await (const piece of piecesOf(tokenizer, counted())) {
        if (!isRead) break;
        text += piece;
        if (flags.json) printEvent("pieceWritten", { index, text: piece });
        else process.stdout.write(piece);
      }
      all += tokens;
      if (flags.json) printEvent("textWritten", { index, seed: settings.seed, prompt, text, tokens, isEnded: tokens < settings.tokens });
    }
    const tokensPerSecond = all / ((performance.now() - began) / 1000);
    if (!flags.json) process.stdout.write("\n");
    else printEvent("finished", { run, checkpoint: stored.checkpoint, texts: count, tokens: all, secondsToFirstToken, tokensPerSecond });
  } finally {
    await model.close();
  }
}

/** What the model goes on from. @throws BabelgradError `language-unknown`, `character-unknown`, what opening data throws */
async function promptOf(stored: StoredModel, { prompt, language }: GenerateFlags): Promise<string> {
  if (language !== undefined) placeOfLanguage(language, stored.languages);
  if (prompt === "-") return (await textOf(process.stdin)).replace(/\r?\n$/, "");
  if (prompt !== undefined) return prompt;
  if (language === undefined) return "";
  const { manifest, shards } = await openValidation(stored.dataFolder, [language]);
  const place = placeOfLanguage(
    language,
    manifest.languages.map((entry) => entry.language),
  );
  return beginningOf(stored.tokenizer, present(shards[place], "a shard a language"));
}

const promptBytes = 32;

/** The first words of a text: about 32 bytes, whole characters, and whole words where there are spaces. */
function beginningOf(tokenizer: Tokenizer, tokens: Uint16Array): string {
  let bytes = 0;
  const end = tokens.findIndex((token) => {
    bytes += tokenizer.byteLengths[token] ?? 0;
    return token === tokenizer.endOfText || bytes > promptBytes;
  });
  const isCut = end >= 0 && tokens[end] !== tokenizer.endOfText;
  const text = decode(tokenizer, tokens.subarray(0, end < 0 ? undefined : end)).replace(/\uFFFD+$/, "");
  return isCut ? text.replace(/(\S)\s+\S*$/, "$1") : text;
}
