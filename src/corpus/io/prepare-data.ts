/**
 * Prepares inputs into a folder: written beside its place and renamed, so that a folder with a manifest is whole. What it
 * was made from is noted in it (`inputs.json`), and nothing is done again while that is unchanged.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { digestOf } from "../../base/digest.ts";
import { diskError } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";
import { sha256 } from "../../base/io/sha256.ts";
import type { Config } from "../../config/options.ts";
import { type Manifest, parseManifest } from "../../data/manifest.ts";
import { type PrepareOptions, prepare } from "../prepare.ts";
import { isUdhr } from "../udhr-text.ts";
import { findInputs, type InputOptions, type Inputs, readInputs } from "./read-inputs.ts";

/** Raised when preparation would make other files from the same inputs. */
const preparation = 1;

export type DataConfig = Pick<Config, Extract<keyof Config, `data.${string}`>>;

/**
 * The folder of prepared data of a configuration: `data.dir`, or the run's own folder when that is empty. Prepared first
 * when it is missing; data whose inputs are not there any more is used as it is. Nothing that a run was made with or
 * that somebody named is ever replaced: only the own folder of a run that is not made yet.
 *
 * @throws BabelgradError `corpus-missing` when there are neither data nor inputs; `data-differs`; what preparation throws
 */
export async function prepareFromConfig(
  config: DataConfig,
  own: { readonly dir: string; readonly isOfRun: boolean },
): Promise<{ readonly dir: string; readonly manifest: Manifest; readonly isNew: boolean }> {
  const dir = config["data.dir"] || own.dir;
  const isThere = await exists(join(dir, "manifest.json"));
  if (config["data.inputs"].length === 0 && !isThere)
    throw new BabelgradError("corpus-missing", `${dir} has no prepared data, and data.inputs is empty`, {
      file: dir,
      hint: config["data.hint"] || "Name the text in data.inputs, or the folder of prepared data in data.dir.",
    });
  if (isThere && (config["data.inputs"].length === 0 || (await isFarAway(config["data.inputs"]))))
    return { dir, manifest: await readManifest(dir), isNew: false };
  return { dir, ...(await prepareInputs(config, dir, own.isOfRun || config["data.dir"] !== "" ? "keep" : "replace")) };
}

/**
 * Prepares `data.inputs` into `dir`; does nothing when it was made from the same files with the same options. Other data
 * there is replaced or kept, as asked. @throws BabelgradError `data-differs`, what preparation throws
 */
export async function prepareInputs(
  config: DataConfig,
  dir: string,
  otherData: "replace" | "keep",
): Promise<{ readonly manifest: Manifest; readonly isNew: boolean }> {
  const input = inputOptions(config);
  const options = prepareOptions(config);
  const inputs = await findInputs(input);
  const fingerprint = await fingerprintOf(inputs, input, options);
  if (await isMadeFrom(dir, fingerprint)) return { manifest: await readManifest(dir), isNew: false };
  await checkReplaceable(dir);
  const { manifest, files } = prepare(await readInputs(inputs, input.documents), options, sha256);
  if (otherData === "keep" && (await exists(join(dir, "manifest.json")))) {
    // Files that were only touched or moved make the same data.
    const there = await readManifest(dir);
    if (there.sha256 === manifest.sha256) return { manifest, isNew: false };
    throw new BabelgradError("data-differs", `${dir} was prepared from other text, or with other options, than data.inputs and data.* say`);
  }
  await replaceFolder(dir, [...files, ["inputs.json", `${JSON.stringify({ fingerprint })}\n`]]);
  return { manifest, isNew: true };
}

/** The manifest of a folder, checked. @throws BabelgradError `manifest-invalid` */
async function readManifest(dir: string): Promise<Manifest> {
  return parseManifest(await readFile(join(dir, "manifest.json"), "utf8"), dir, sha256);
}

function inputOptions(config: DataConfig): InputOptions {
  return {
    inputs: config["data.inputs"],
    language: config["data.language"],
    documents: config["data.documents"],
    hint: config["data.hint"],
  };
}

function prepareOptions(config: DataConfig): PrepareOptions {
  return {
    tokenizer: config["data.tokenizer"],
    vocabulary: config["data.vocabulary"],
    split: { kind: config["data.split"], share: config["data.validationShare"] },
  };
}

/** Digest of what the result depends on, without reading the text: files by path, size and time of change. */
async function fingerprintOf(inputs: Inputs, input: InputOptions, options: PrepareOptions): Promise<string> {
  const files = await Promise.all(
    inputs.files.map(async (file) => {
      const { size, mtimeMs } = await stat(file.path);
      return [resolve(file.path), file.name, file.language, size, mtimeMs];
    }),
  );
  return digestOf(sha256, [JSON.stringify([preparation, files, inputs.udhr, input.documents, options])]);
}

async function isMadeFrom(dir: string, fingerprint: string): Promise<boolean> {
  try {
    const made = JSON.parse(await readFile(join(dir, "inputs.json"), "utf8")) as { readonly fingerprint?: unknown }; // proof: compared below
    return made.fingerprint === fingerprint && (await exists(join(dir, "manifest.json")));
  } catch {
    return false; // no folder, or one made elsewhere: prepared afresh
  }
}

/** @throws BabelgradError `out-occupied` unless the folder is missing, empty or prepared data */
async function checkReplaceable(dir: string): Promise<void> {
  const names = await readdir(dir).catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return [] as string[];
    throw new BabelgradError("out-occupied", `${dir} is not a folder that can be read`, { dir }, { cause });
  });
  if (names.length > 0 && !names.includes("manifest.json"))
    throw new BabelgradError("out-occupied", `${dir} is not empty and has no manifest.json`, { dir });
}

async function replaceFolder(dir: string, files: readonly (readonly [string, Uint8Array | string])[]): Promise<void> {
  const fresh = `${dir}.new-${process.pid}`;
  const old = `${dir}.old-${process.pid}`;
  await mkdir(dirname(resolve(dir)), { recursive: true });
  await rm(fresh, { recursive: true, force: true });
  try {
    await mkdir(fresh);
    for (const [name, content] of files) await writeFile(join(fresh, name), content, { flush: true });
    if (await exists(dir)) await rename(dir, old);
    await rename(fresh, dir);
    await rm(old, { recursive: true, force: true });
  } catch (error) {
    if ((await exists(old)) && !(await exists(dir))) await rename(old, dir);
    await rm(fresh, { recursive: true, force: true });
    throw error instanceof Error && "code" in error ? diskError("write", dir, String(error.code), error) : error;
  }
}

/** Whether an input is not there, as on a machine that only got the prepared data. */
async function isFarAway(inputs: readonly string[]): Promise<boolean> {
  for (const input of inputs) if (!isUdhr(input) && !(await exists(input))) return true;
  return false;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
