/** Lineage: everything that a state came from changes it. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Sha256 } from "../../../src/base/digest.ts";
import type { Digest } from "../../../src/base/ids.ts";
import { averageDigest, firstLineage, nextLineage } from "../../../src/step/lineage.ts";

const sha256: Sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex") as Digest; // 64 lower-case hexadecimal digits
};
const digest = (name: string) => sha256([new TextEncoder().encode(name)]);
const run = { resultOptions: "{}", manifest: digest("manifest"), numericClass: digest("class"), seed: 1 };
const scalars = { rate: 0.5, beta1Power: 0.9, beta2Power: 0.99, clipScale: 1 };

test("runs that differ in one thing: another first lineage", () => {
  const variants = [
    run,
    { ...run, resultOptions: "{ }" },
    { ...run, manifest: digest("m2") },
    { ...run, numericClass: digest("c2") },
    { ...run, seed: 2 },
  ];
  expect(new Set(variants.map((v) => firstLineage(sha256, v))).size).toBe(variants.length);
});

test("steps that differ in one thing: another lineage, a skipped one too", () => {
  const [before, average] = [digest("L"), digest("h")];
  const all = [
    nextLineage(sha256, before, average, scalars, false),
    nextLineage(sha256, before, average, scalars, true),
    nextLineage(sha256, before, digest("h2"), scalars, false),
    nextLineage(sha256, digest("L2"), average, scalars, false),
    nextLineage(sha256, before, average, { ...scalars, rate: 0.25 }, false),
    nextLineage(sha256, before, average, { ...scalars, clipScale: 0.5 }, false),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(nextLineage(sha256, before, average, { ...scalars }, false)).toBe(all[0]);
});

test("the blocks of an average in another order: another digest", () => {
  expect(averageDigest(sha256, [digest("a"), digest("b")])).not.toBe(averageDigest(sha256, [digest("b"), digest("a")]));
});
