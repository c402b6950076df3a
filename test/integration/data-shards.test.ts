/** Prepared data opened from a folder and fetched from afar, whole and damaged. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Digest } from "../../src/base/ids.ts";
import { loadConfig } from "../../src/config/io/load.ts";
import { prepareFromConfig } from "../../src/corpus/io/prepare-data.ts";
import { fetchData, openData } from "../../src/data/io/prepared-data.ts";
import type { Manifest } from "../../src/data/manifest.ts";

let folder = "";
let dir = "";
let manifest: Manifest;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "babelgrad-shards-"));
  const text = Array.from({ length: 20 }, (_, i) => `line ${i}`).join("\n");
  writeFileSync(join(folder, "en.txt"), text);
  const config = { ...loadConfig({ set: ["data.documents=line", "data.tokenizer=bytes"] }), "data.inputs": [join(folder, "en.txt")] };
  ({ dir, manifest } = await prepareFromConfig(config, { dir: join(folder, "data"), isOfRun: false }));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A remote folder that counts what is asked of it; `damage` may change what it gives. */
function remote(damage: (bytes: Uint8Array, name: string, time: number) => Uint8Array = (bytes) => bytes) {
  const asked: string[] = [];
  const fetchFile = (name: string): Promise<Uint8Array> => {
    asked.push(name);
    return Promise.resolve(damage(new Uint8Array(readFileSync(join(dir, name))), name, asked.filter((other) => other === name).length));
  };
  return { asked, fetchFile };
}

test("a whole folder: manifest, tokenizer and shards of the sizes that the manifest says", async () => {
  const data = await openData(dir);
  expect(data.manifest).toEqual(manifest);
  expect(data.tokenizer.vocabulary).toBe(manifest.vocabulary);
  expect(data.shards.map(({ train, validation }) => [train.length, validation.length])).toEqual(
    manifest.languages.map(({ train, validation }) => [train.tokens, validation.tokens]),
  );
});

test("a shard with one bit changed: refused, and the file is named", async () => {
  const file = join(dir, "en.train.bin");
  const bytes = readFileSync(file);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  await expect(openData(dir)).rejects.toMatchObject({ code: "shard-corrupt", message: expect.stringContaining("en.train.bin") });
});

test("a shard or the manifest missing: refused by its code", async () => {
  rmSync(join(dir, "en.validation.bin"));
  await expect(openData(dir)).rejects.toMatchObject({ code: "shard-corrupt" });
  rmSync(join(dir, "manifest.json"));
  await expect(openData(dir)).rejects.toMatchObject({ code: "manifest-invalid" });
});

test("fetched data: equal to the folder's, and the second time only the manifest is fetched", async () => {
  const cache = join(folder, "cache");
  const first = remote();
  const fetched = await fetchData(first.fetchFile, manifest.sha256, cache);
  expect(fetched.shards).toEqual((await openData(dir)).shards);
  expect(first.asked.length).toBe(4);
  expect(readdirSync(cache).length).toBe(3);
  const second = remote();
  await fetchData(second.fetchFile, manifest.sha256, cache);
  expect(second.asked).toEqual(["manifest.json"]);
});

test("a file that arrives damaged once, and a damaged cache: fetched again", async () => {
  const cache = join(folder, "cache");
  const once = remote((bytes, name, time) => (name === "en.train.bin" && time === 1 ? bytes.subarray(1) : bytes));
  await fetchData(once.fetchFile, manifest.sha256, cache);
  expect(once.asked.filter((name) => name === "en.train.bin").length).toBe(2);
  for (const file of readdirSync(cache)) writeFileSync(join(cache, file), "damaged");
  expect((await fetchData(remote().fetchFile, manifest.sha256, cache)).manifest).toEqual(manifest);
});

test("a file that arrives damaged twice: refused, and nothing of it is kept", async () => {
  const always = remote((bytes, name) => (name === "en.train.bin" ? bytes.subarray(1) : bytes));
  await expect(fetchData(always.fetchFile, manifest.sha256, join(folder, "cache"))).rejects.toMatchObject({ code: "shard-corrupt" });
  expect(readdirSync(join(folder, "cache")).length).toBe(1);
});

test("a coordinator with other data than the run's: refused", async () => {
  const other = "0".repeat(64) as Digest; // the form of one
  await expect(fetchData(remote().fetchFile, other, join(folder, "cache"))).rejects.toMatchObject({ code: "manifest-invalid" });
});
