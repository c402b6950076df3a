/**
 * Reads a run directory without taking its lock and without changing a byte, so also while the run is trained. Whatever
 * is missing or damaged becomes a note; the rest is read all the same.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { BabelgradError } from "../../base/errors.ts";
import { sha256 } from "../../base/io/sha256.ts";
import { realDisk } from "../../checkpoint/io/disk.ts";
import { storedSteps } from "../../checkpoint/io/find-checkpoint.ts";
import { readWhole } from "../../checkpoint/io/whole-file.ts";
import { checkpointName, decodeManifest } from "../../checkpoint/manifest.ts";
import { loadRunConfig } from "../../config/io/load.ts";
import type { Config } from "../../config/options.ts";
import { type Manifest, parseManifest } from "../../data/manifest.ts";
import { modelLayout } from "../../model/parameters.ts";
import { targetsOf } from "../../step/tally.ts";
import { RunHistory } from "../run-history.ts";
import { decodeAbout, type RunAbout } from "../run-identity.ts";
import { type CurvePoint, type RunData, type RunView, stateOf } from "../run-view.ts";
import { runHolder } from "./run-lock.ts";
import { RunLog } from "./run-log.ts";

/** Files and folders of which a folder with a run has at least one. */
const partsOfRun: readonly string[] = ["run.json", "config.yaml", "log", "checkpoints"];
/** Bytes of the end of metrics.jsonl that are read: some thousand steps. */
const tailBytes = 1 << 22;

/** Whether a folder is a run directory, or what is left of one. `disk-failed` when it cannot be listed. */
export async function hasRun(folder: string): Promise<boolean> {
  const names = (await realDisk.list(folder)) ?? [];
  return partsOfRun.some((name) => names.includes(name));
}

/** The run in a folder. `trainedMax`: how many of the last committed steps are kept. Never throws an error of the table. */
export async function readRun(folder: string, trainedMax = Number.POSITIVE_INFINITY): Promise<RunView> {
  const notes: string[] = [];
  let isDamaged = false;
  const damage = (what: string): undefined => {
    isDamaged = true;
    notes.push(what);
    return undefined;
  };
  /** What the work gives; its coded failure becomes a note. */
  const attempt = async <T>(work: () => T | Promise<T>, tell: (what: string) => undefined): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BabelgradError) return tell(`${error.code}: ${error.message.split("\n")[0]}`);
      throw error;
    }
  };
  const note = (what: string): undefined => void notes.push(what);

  const names = (await attempt(() => realDisk.list(folder), damage)) ?? [];
  const isThere = partsOfRun.some((name) => names.includes(name));
  const holder = await attempt(() => runHolder(realDisk, folder), note);
  const about = await attempt(() => readAbout(folder), damage);
  const config = names.includes("config.yaml") ? await attempt(() => loadRunConfig(join(folder, "config.yaml")), damage) : undefined;
  const isMade = names.includes("run.json");
  if (!isThere) note(holder === undefined ? "no run in this folder" : "no step yet: the data are prepared");
  else if (!isMade && (names.includes("checkpoints") || names.includes("log"))) damage("run.json is missing");
  if (isMade && !names.includes("config.yaml")) damage("config.yaml is missing");

  const log = about === undefined ? undefined : await attempt(() => readLog(folder, about, trainedMax, damage), damage);
  if (log?.isTorn === true && holder === undefined)
    note("the log's last record was cut off by a crash; the next start drops it and does that step again");
  const checkpoint = (await attempt(() => storedSteps(realDisk, folder), note))?.[0];
  const committed = log?.history.committed ?? 0;
  if (isMade && checkpoint === undefined) note("no checkpoint yet");
  if (checkpoint !== undefined) await attempt(() => checkSizes(join(folder, "checkpoints", checkpointName(checkpoint))), damage);

  const data = about === undefined ? undefined : await attempt(() => readData(folder, config, about, checkpoint), note);
  if (about !== undefined && data === undefined) note("its data are not there (any more): languages and model size are unknown");
  const metrics = await attempt(() => readMetrics(join(folder, "metrics.jsonl")), note);
  if (isMade && committed > 0 && metrics === undefined) note("metrics.jsonl is missing: no speed");

  const steps = metrics?.steps ?? config?.steps;
  const activeMs = metrics?.timeMs ?? log?.timeMs;
  return {
    folder,
    state: stateOf({ isThere: isMade, isDamaged, holder, committed, steps, checkpoint }),
    holder,
    about,
    config,
    data,
    parameters: config === undefined || data?.vocabulary === undefined ? undefined : modelLayout(config, data.vocabulary).size,
    committed,
    steps,
    tokens: log === undefined ? 0 : targetsOf(log.history.totals),
    trained: log?.trained ?? [],
    evaluated: log?.evaluated ?? [],
    workers: log?.history.lastGeneration?.members.length,
    tokensPerSecond: metrics?.tokensPerSecond,
    activeMs,
    bytes: await sizeOf(folder),
    checkpoint,
    notes,
  };
}

async function readAbout(folder: string): Promise<RunAbout | undefined> {
  const bytes = await readWhole(realDisk, join(folder, "run.json"));
  if (bytes === undefined) return undefined;
  const about = decodeAbout(bytes);
  if (about !== undefined) return about;
  const path = join(folder, "run.json");
  throw new BabelgradError("run-damaged", `${path} is not a run.json of this version`, { path });
}

interface LogView {
  readonly history: RunHistory;
  readonly trained: readonly CurvePoint[];
  readonly evaluated: readonly CurvePoint[];
  readonly isTorn: boolean;
  /** Beginning of the last life of the coordinator. */
  readonly timeMs: number | undefined;
}

/** The log as far as it is whole; what is wrong behind that is told. */
async function readLog(folder: string, about: RunAbout, trainedMax: number, tell: (what: string) => void): Promise<LogView> {
  const history = new RunHistory(Number.POSITIVE_INFINITY, about.forkedFrom?.step ?? 0);
  let trained: CurvePoint[] = [];
  const evaluated: CurvePoint[] = [];
  let timeMs: number | undefined;
  let isTorn = false;
  try {
    const read = await RunLog.read(realDisk, join(folder, "log"), about.run, (record) => {
      history.take(record);
      if (record.kind === "term") timeMs = record.timeMs;
      if (record.kind === "evaluation") evaluated.push({ step: record.step, tally: record.tally });
      if (record.kind !== "step") return;
      trained.push({ step: record.step, tally: record.tally });
      if (trained.length > 2 * trainedMax) trained = trained.slice(-trainedMax);
    });
    if (read === undefined) tell("the log is missing");
    isTorn = read?.torn !== undefined;
  } catch (error) {
    if (!(error instanceof BabelgradError)) throw error;
    tell(`${error.code}: ${error.message}`);
  }
  return { history, trained: trained.slice(-trainedMax), evaluated, isTorn, timeMs };
}

/** Whether the newest checkpoint's files are there in their sizes; to read every byte is left to who uses it. */
async function checkSizes(folder: string): Promise<void> {
  const fail = (what: string): never => {
    throw new BabelgradError("checkpoint-corrupt", `${basename(folder)} ${what}`, { folder });
  };
  const bytes = await readWhole(realDisk, join(folder, "manifest.json"));
  const manifest = bytes === undefined ? "has no manifest.json" : decodeManifest(sha256, bytes);
  if (typeof manifest === "string") return fail(manifest);
  for (const [name, seal] of Object.entries(manifest.files)) {
    const size = await bytesOf(join(folder, name));
    if (size !== seal.bytes) fail(`has a ${name} of ${size ?? "no"} bytes, its manifest says ${seal.bytes}`);
  }
}

/** Undefined: there is no such file. */
async function bytesOf(path: string): Promise<number | undefined> {
  const file = await realDisk.openExisting(path);
  try {
    return await file?.size();
  } finally {
    await file?.close();
  }
}

/** From the manifest of the data, when they are still those of the run; else what its newest checkpoint says. */
async function readData(
  folder: string,
  config: Config | undefined,
  about: RunAbout,
  checkpoint: number | undefined,
): Promise<RunData | undefined> {
  const manifest = await readManifest(config?.["data.dir"] || join(folder, "data"));
  if (manifest?.sha256 === about.manifest) {
    return {
      languages: manifest.languages.map(({ language }) => language),
      tokenizerSha256: manifest.tokenizer.sha256,
      vocabulary: manifest.vocabulary,
      validation: new Map(manifest.languages.map(({ language, validation }) => [language, validation])),
    };
  }
  if (checkpoint === undefined) return undefined;
  const bytes = await readWhole(realDisk, join(folder, "checkpoints", checkpointName(checkpoint), "manifest.json"));
  const stored = bytes === undefined ? "missing" : decodeManifest(sha256, bytes);
  if (typeof stored === "string") return undefined;
  return {
    languages: Object.keys(stored.sequences),
    tokenizerSha256: stored.files["tokenizer.json"]?.sha256,
    vocabulary: undefined,
    validation: undefined,
  };
}

async function readManifest(dir: string): Promise<Manifest | undefined> {
  const bytes = await readWhole(realDisk, join(dir, "manifest.json"));
  if (bytes === undefined) return undefined;
  try {
    return parseManifest(new TextDecoder().decode(bytes), dir, sha256);
  } catch (error) {
    if (error instanceof BabelgradError) return undefined;
    throw error;
  }
}

interface MetricsView {
  readonly steps: number | undefined;
  readonly timeMs: number | undefined;
  readonly tokensPerSecond: number | undefined;
}

/** The end of metrics.jsonl; lines that are cut or no events are passed over. undefined: there is none. */
async function readMetrics(path: string): Promise<MetricsView | undefined> {
  const file = await realDisk.openExisting(path);
  if (file === undefined) return undefined;
  let text: string;
  try {
    const size = await file.size();
    text = new TextDecoder().decode(await file.read(Math.max(0, size - tailBytes), Math.min(size, tailBytes)));
  } finally {
    await file.close();
  }
  let steps: number | undefined;
  let timeMs: number | undefined;
  const speeds: number[] = [];
  for (const line of text.split("\n")) {
    const event = eventOf(line);
    if (typeof event["time"] === "number") timeMs = event["time"];
    if (event["event"] !== "stepCommitted") continue;
    if (typeof event["steps"] === "number") steps = event["steps"];
    if (typeof event["tokensPerSecond"] === "number") speeds.push(event["tokensPerSecond"]);
  }
  return { steps, timeMs, tokensPerSecond: speeds.sort((a, b) => a - b)[Math.floor(speeds.length / 2)] };
}

function eventOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === "object" && event !== null ? { ...event } : {};
  } catch {
    return {};
  }
}

/** Bytes of all files below; what vanishes meanwhile counts nothing. */
async function sizeOf(path: string): Promise<number> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const sizes = entries.map(async (entry) => {
      const below = join(path, entry.name);
      if (entry.isDirectory()) return sizeOf(below);
      const found = entry.isFile() ? await stat(below).catch(() => undefined) : undefined;
      return found?.size ?? 0;
    });
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  } catch {
    return 0;
  }
}
