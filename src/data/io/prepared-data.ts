/**
 * Prepared data, opened: manifest, tokenizer and shards, every file checked against its sha-256. Either a folder, or files
 * fetched by name from a coordinator and kept by hash, so that a worker that returns fetches nothing again.
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskError } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Digest } from "../../base/ids.ts";
import { sha256 } from "../../base/io/sha256.ts";
import type { ShardTokens } from "../leaf-source.ts";
import { type Manifest, parseManifest } from "../manifest.ts";
import { parseTokenizer, type Tokenizer } from "../tokenizer.ts";

export interface PreparedData {
  readonly manifest: Manifest;
  readonly tokenizer: Tokenizer;
  /** The text of tokenizer.json, for checkpoints. */
  readonly tokenizerJson: string;
  /** Tokens in the manifest's order, in shared memory: other threads may read them too. */
  readonly shards: readonly ShardTokens[];
}

/** Gives the bytes of a file of the data folder by its name. */
export type FetchFile = (name: string) => Promise<Uint8Array>;

/** Opens a folder of prepared data. @throws BabelgradError `manifest-invalid`, `shard-corrupt`, `tokenizer-invalid` */
export async function openData(dir: string): Promise<PreparedData> {
  return load(await readManifest(dir), readerOf(dir));
}

/** Text that no model was trained on: the validation split of prepared data, without the rest of it. */
export interface ValidationData {
  readonly manifest: Manifest;
  readonly tokenizerJson: string;
  /** Validation tokens of the manifest's languages; empty for those that were not asked for. */
  readonly shards: readonly Uint16Array[];
}

/** Opens the validation split of these languages, or of all. @throws BabelgradError as `openData` */
export async function openValidation(dir: string, languages?: readonly string[]): Promise<ValidationData> {
  const manifest = await readManifest(dir);
  const read = readerOf(dir);
  const tokenizerJson = new TextDecoder().decode(await read(manifest.tokenizer.file, manifest.tokenizer.sha256));
  const shards: Uint16Array[] = [];
  for (const { language, validation } of manifest.languages) {
    const isWanted = languages === undefined || languages.includes(language);
    shards.push(isWanted ? tokensOf(await read(validation.file, validation.sha256)) : new Uint16Array());
  }
  return { manifest, tokenizerJson, shards };
}

async function readManifest(dir: string): Promise<Manifest> {
  const json = await readFile(join(dir, "manifest.json"), "utf8").catch((cause: unknown) => {
    throw new BabelgradError("manifest-invalid", `${dir}/manifest.json cannot be read`, { dir }, { cause });
  });
  return parseManifest(json, dir, sha256);
}

/** Reads files of a folder by name and checks each against its hash. */
function readerOf(dir: string): (name: string, expected: Digest) => Promise<Uint8Array> {
  return async (name, expected) => {
    const bytes = await readFile(join(dir, name)).catch((cause: unknown) => {
      throw new BabelgradError("shard-corrupt", `${join(dir, name)} cannot be read`, { file: join(dir, name) }, { cause });
    });
    check(bytes, join(dir, name), expected);
    return bytes;
  };
}

/**
 * Fetches prepared data whose manifest has the hash `manifestSha256`. Files are kept in `cacheDir` by hash; a file that
 * arrives damaged is fetched once more. @throws BabelgradError `manifest-invalid`, `shard-corrupt`, `tokenizer-invalid`
 */
export async function fetchData(fetchFile: FetchFile, manifestSha256: Digest, cacheDir: string): Promise<PreparedData> {
  await mkdir(cacheDir, { recursive: true });
  const where = "the coordinator's data";
  const manifest = parseManifest(new TextDecoder().decode(await fetchFile("manifest.json")), where, sha256);
  if (manifest.sha256 !== manifestSha256)
    throw new BabelgradError("manifest-invalid", `${where} has manifest ${manifest.sha256}, the run was made with ${manifestSha256}`, {
      dir: where,
    });
  return load(manifest, async (name, expected) => {
    const kept = join(cacheDir, expected);
    const cached = await readFile(kept).catch(() => undefined);
    if (cached !== undefined && sha256([cached]) === expected) return cached;
    let bytes = await fetchFile(name);
    if (sha256([bytes]) !== expected) bytes = await fetchFile(name);
    check(bytes, name, expected);
    await keep(kept, bytes);
    return bytes;
  });
}

async function load(manifest: Manifest, read: (name: string, expected: Digest) => Promise<Uint8Array>): Promise<PreparedData> {
  const tokenizerJson = new TextDecoder().decode(await read(manifest.tokenizer.file, manifest.tokenizer.sha256));
  const shards: ShardTokens[] = [];
  for (const { train, validation } of manifest.languages)
    shards.push({
      train: tokensOf(await read(train.file, train.sha256)),
      validation: tokensOf(await read(validation.file, validation.sha256)),
    });
  return { manifest, tokenizer: parseTokenizer(tokenizerJson), tokenizerJson, shards };
}

function check(bytes: Uint8Array, file: string, expected: Digest): void {
  const actual = sha256([bytes]);
  if (actual === expected) return;
  throw new BabelgradError(
    "shard-corrupt",
    `${file} has sha256 ${actual.slice(0, 8)}… (${bytes.length} bytes), its manifest says ${expected.slice(0, 8)}…`,
    {
      file,
    },
  );
}

function tokensOf(bytes: Uint8Array): Uint16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tokens = new Uint16Array(new SharedArrayBuffer(bytes.length));
  for (let i = 0; i < tokens.length; i++) tokens[i] = view.getUint16(2 * i, true);
  return tokens;
}

async function keep(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.new-${process.pid}`;
  try {
    await writeFile(beside, bytes, { flush: true });
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error instanceof Error && "code" in error ? diskError("write", path, String(error.code), error) : error;
  }
}
