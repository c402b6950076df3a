/** Sizes for a first run follow from the text and the minutes, and the loader takes what the template writes. */
import { describe, expect, it } from "vitest";
import { parseYaml } from "../../../src/config/io/yaml-file.ts";
import { options } from "../../../src/config/options.ts";
import { expectedMinutes, plannedVocabulary, planRun } from "../../../src/config/plan.ts";
import { optionPaths, resolveConfig } from "../../../src/config/resolve.ts";
import { renderTemplate } from "../../../src/config/template.ts";
import type { Manifest, ShardEntry } from "../../../src/data/manifest.ts";
import { checkEpochs } from "../../../src/data/step-samples.ts";

/** A manifest of languages with so many training tokens; `checkEpochs` reads nothing else of it. */
function manifestOf(tokens: readonly number[]): Manifest {
  const shard = (count: number) => ({ tokens: count }) as ShardEntry;
  const languages = tokens.map((count, i) => ({ language: `l${i}`, train: shard(count), validation: shard(1) }));
  return { languages } as unknown as Manifest;
}

const sizes = (tokens: readonly number[]) => tokens.map((count, i) => ({ language: `l${i}`, bytes: 3 * count, tokens: count }));

describe("the plan of a first run", () => {
  it.each([
    [[200, 200, 200]],
    [[2]],
    [[10_000, 9_000, 300]],
    [[500_000, 500, 20_000]],
    [[5_000_000, 4_000_000]],
    [Array.from({ length: 40 }, () => 3000)],
  ])(
    "tokens %j: accepted, and the passes over each language stay below mixture.epochs, also when the text is a third shorter than estimated",
    (tokens) => {
      for (const minutes of [0.1, 3, 60, 10_000]) {
        const vocabulary = plannedVocabulary(3 * tokens.reduce((sum, count) => sum + count, 0), minutes);
        const settings = Object.entries(planRun(sizes(tokens), vocabulary, minutes)).map(([path, value]) => ({
          path,
          value,
          place: { name: "plan", folder: "/" },
        }));
        const config = resolveConfig(settings);
        checkEpochs(config, manifestOf(tokens));
        checkEpochs(config, manifestOf(tokens.map((count) => Math.ceil((2 * count) / 3))));
      }
    },
  );

  it("more minutes or more text: never a smaller model; more minutes: more steps or a larger model", () => {
    const plans = [1, 3, 10, 60, 600].map((minutes) => planRun(sizes([2_000_000]), plannedVocabulary(6e6, minutes), minutes));
    const widths = plans.map((plan) => Number(plan["model.width"]));
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(widths.at(-1)).toBeGreaterThan(widths[0] ?? 0);
    const texts = [1000, 30_000, 300_000, 3_000_000].map((count) => Number(planRun(sizes([count]), 1024, 60)["model.width"]));
    expect(texts).toEqual([...texts].sort((a, b) => a - b));
  });

  it("the vocabulary: a power of two, from 512 on, bounded by the minutes", () => {
    expect([1, 60_000, 600_000, 1e9].map((bytes) => plannedVocabulary(bytes, 3))).toEqual([512, 512, 4096, 4096]);
    expect(plannedVocabulary(1e9, 1000)).toBe(16384);
  });
});

describe("a template", () => {
  const set = { steps: 7, "data.inputs": ["texts/en", "C: #1"], "model.width": 64 };
  const text = renderTemplate(set, ["My text."]);

  it("read again: what was set, and defaults", () => {
    const config = resolveConfig(parseYaml(text, "a.yaml", "/home"));
    expect(config).toEqual({ ...resolveConfig([]), ...set, "data.inputs": ["/home/texts/en", "/home/C: #1"] });
  });

  it("names every option with its help, and each commented one can be put in force alone", () => {
    const words = text.replace(/\n\s*#\s?/g, " ").replace(/\s+/g, " ");
    for (const path of optionPaths) expect(words).toContain(options[path].help.replace(/\s+/g, " "));
    const commented = [...text.matchAll(/^ *# [a-zA-Z0-9.]+: .*$/gm)].map(([line]) => line).filter((line) => isOption(line));
    expect(commented).toHaveLength(optionPaths.length - Object.keys(set).length);
    for (const line of commented) resolveConfig(parseYaml(text.replace(line, line.replace("# ", "")), "a.yaml", "/"));
  });
});

/** A commented option, not a line of help that has a colon. */
function isOption(line: string): boolean {
  const name = line.trim().slice(2).split(":")[0] ?? "";
  return optionPaths.some((path) => path === name || (line.startsWith("  ") && path.endsWith(`.${name}`)));
}

it("much text: about the minutes that were asked for; little text: the minutes that ten passes over it take", () => {
  const vocabulary = plannedVocabulary(300_000_000, 10);
  const minutes = (tokens: number) => expectedMinutes(planRun(sizes([tokens]), vocabulary, 10), vocabulary);
  expect(minutes(100_000_000)).toBeGreaterThan(9);
  expect(minutes(100_000_000)).toBeLessThanOrEqual(10);
  expect(minutes(10_000)).toBeLessThan(0.5);
});
