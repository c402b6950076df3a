/** Samples while a run trains: what the model writes after the beginning of each language's validation text. */
import { present } from "../../base/assert.ts";
import type { Config } from "../../config/options.ts";
import type { PreparedData } from "../../data/io/prepared-data.ts";
import { textStream } from "../../data/tokenizer.ts";
import type { Trainer } from "../../engine/trainer.ts";
import { generate, positionsOf } from "../../tasks/generation.ts";
import { sampledLanguages } from "../../tasks/sampled-languages.ts";
import type { Sample } from "../../wire/messages.ts";

/** How sure of itself a sample is, and how many tokens it may choose from. */
const sampleStyle = { temperature: 0.8, topK: 40, topP: 1 };
/** Tokens of validation text that a sample goes on from, so that it is in that language. */
const promptTokens = 8;

/** One sample for each language of `sample.languages`; `|` stands where the model takes over. */
export async function writeSamples(trainer: Trainer, config: Config, data: PreparedData): Promise<readonly Sample[]> {
  const languages = data.manifest.languages.map(({ language }) => language);
  const samples: Sample[] = [];
  for (const index of sampledLanguages(config["sample.languages"], languages)) {
    const prompt = present(data.shards[index], "a shard a language").validation.subarray(0, promptTokens);
    const written = generate((token, position) => trainer.decode(token, position), prompt, {
      ...sampleStyle,
      tokens: config["sample.tokens"],
      positions: positionsOf(config),
      seed: config.seed + index,
      endOfText: data.manifest.endOfText,
    });
    // A character whose last byte the model wrote belongs to what the model wrote.
    const text = textStream(data.tokenizer);
    let sample = `${[...prompt].map((token) => text.push(token)).join("")}|`;
    for await (const token of written) sample += text.push(token);
    samples.push({ language: present(languages[index], "a language of the run"), text: sample + text.end() });
  }
  return samples;
}
