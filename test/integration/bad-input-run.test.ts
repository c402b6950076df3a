/**
 * What can be wrong with a run directory, its disk or its machine. Every test starts from a copy of one run of three
 * steps and ends where nothing is lost: its checkpoint is as it was, and six steps give the weights of an undisturbed run.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { sha256 } from "../../src/base/io/sha256.ts";
import { decodeAbout, encodeAbout } from "../../src/coordinator/run-identity.ts";
import { numericClassOf } from "../../src/engine/numeric-class.ts";
import { expectFailure, run, sets, start, testFolder, weightsOf, writeTinyRun } from "./bad-input.ts";

let base = "";
let file = "";
/** Of six steps without a disturbance. */
let undisturbed = "";

beforeAll(async () => {
  const folder = testFolder();
  file = writeTinyRun(folder);
  base = join(folder, "base");
  undisturbed = weightsOf(await run(["train", file, "--out", join(folder, "undisturbed")]));
  for (const steps of [2, 3]) weightsOf(await run(["train", file, "--out", base, ...sets({ steps })]));
  expect(readdirSync(join(base, "checkpoints"))).toEqual(["step-000002", "step-000003"]);
});

function copyOfRun(): string {
  const folder = join(testFolder(), "run");
  cpSync(base, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

const train = (folder: string, ...args: readonly string[]) => run(["train", file, "--out", folder, ...args]);

/** Names and hashes of what a run is: all but the lock, metrics for people, and the terms that each start adds to the log. */
function contentsOf(folder: string): Readonly<Record<string, string>> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^(run\.json|config\.yaml|checkpoints\/.*\..*)$/.test(name),
  );
  return Object.fromEntries(
    names.sort().map((name) => [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ]),
  );
}

test("another configuration: each difference by name with both values; the run is as it was", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  expectFailure(
    await train(folder, ...sets({ "model.width": 32, seed: 7 })),
    "run-differs",
    "model.width is 32, the run has 16",
    "seed is 7, the run has 0",
    "--fork",
  );
  expect(contentsOf(folder)).toEqual(before);
});

test("other text: data-differs; other prepared data: run-differs; the run is as it was", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  const other = join(testFolder(), "en.txt");
  writeFileSync(other, "All human beings\nare born free\nand equal in dignity and rights.\n");
  expectFailure(await train(folder, ...sets({ "data.inputs": other })), "data-differs", join(folder, "data"));
  const prepared = join(testFolder(), "data");
  await run(["data", "prepare", other, "--documents", "line", "--tokenizer", "bytes", "--out", prepared]);
  expectFailure(await train(folder, ...sets({ "data.inputs": "", "data.dir": prepared })), "run-differs", "data is ");
  expect(contentsOf(folder)).toEqual(before);
});

test("resume: never where there is a run: run-exists; the run is as it was", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  expectFailure(await train(folder, ...sets({ resume: "never" })), "run-exists", folder);
  expect(contentsOf(folder)).toEqual(before);
});

test("a run whose class another processor has fixed: both are named, once for all workers; the run is as it was", async () => {
  // Two workers are waited for and one comes: the class is fixed, and no step depends on it yet.
  const folder = join(testFolder(), "run");
  const coordinator = start(["coordinator", file, "--out", folder, ...sets({ "workers.min": 2 })]);
  const { port } = await coordinator.event("listening");
  const worker = start(["worker", "--join", `ws://127.0.0.1:${String(port)}`, "--token-file", join(folder, "token")]);
  const path = join(folder, "run.json");
  let about = decodeAbout(readFileSync(path));
  for (; about?.numericClass === undefined; about = decodeAbout(readFileSync(path))) await sleep(20);
  for (const { child, ended } of [coordinator, worker]) {
    child.kill("SIGKILL");
    await ended;
  }
  const { digest: _, ...facts } = about.numericClass;
  const numericClass = numericClassOf(sha256, { ...facts, device: "Difference Engine No. 2", probe: sha256([]) });
  writeFileSync(path, encodeAbout({ ...about, numericClass }));
  const before = contentsOf(folder);
  const ended = await train(folder, "--workers", "2");
  const [theirs, ours] = ["Difference Engine No. 2", facts.device].map((device) => `from tensorflow-cpu on ${device}`);
  expectFailure(ended, "class-differs", `the run's numbers come ${theirs}`, `this worker's ${ours}`, "--fork");
  expect(ended.err.trim().split("\n").length, ended.err).toBe(2); // what, and what to do
  expect(contentsOf(folder)).toEqual(before);
});

test("a run.json that was edited: run-damaged says what contradicts it; the run is as it was", async () => {
  const folder = copyOfRun();
  const path = join(folder, "run.json");
  const about = decodeAbout(readFileSync(path));
  if (about?.numericClass === undefined) throw new Error("the run has a class");
  writeFileSync(path, encodeAbout({ ...about, numericClass: { ...about.numericClass, digest: sha256([]) } }));
  const before = contentsOf(folder);
  expectFailure(await train(folder), "run-damaged", "the log began with lineage", "run.json");
  expect(contentsOf(folder)).toEqual(before);
});

test("started under another flag of TensorFlow: class-differs names it; without it the run goes on to the same weights", async () => {
  const folder = copyOfRun();
  const ended = await run(["train", file, "--out", folder], { env: { TF_ENABLE_ONEDNN_OPTS: "0" } });
  expectFailure(ended, "class-differs", "TF_ENABLE_ONEDNN_OPTS=0");
  expect(weightsOf(await train(folder))).toBe(undisturbed);
});

test("a run begun on TensorFlow goes on with WebAssembly: class-differs names both; the run is as it was", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  const ended = await train(folder, "--set", "engine.backend=wasm");
  expectFailure(
    ended,
    "class-differs",
    "the run's numbers come from tensorflow-",
    "this worker's from wasm on ",
    "tfjs 4.22.0, 1 thread, flags simd",
  );
  expect(contentsOf(folder)).toEqual(before);
});

test("a flipped bit in the newest checkpoint: reported, the one before is taken, and the weights are those of an undisturbed run", async () => {
  const folder = copyOfRun();
  flipBit(join(folder, "checkpoints", "step-000003", "model.safetensors"));
  const ended = await train(folder);
  const warning = ended.events.find(({ event }) => event === "warned");
  expect(warning?.["what"]).toMatch(
    /^checkpoint-corrupt: step-000003\/model\.safetensors has sha256 \w+, its manifest says \w+. Going on from step-000002/,
  );
  expect(weightsOf(ended)).toBe(undisturbed);
});

test("all checkpoints damaged: checkpoint-corrupt names each; nothing is removed", async () => {
  const folder = copyOfRun();
  flipBit(join(folder, "checkpoints", "step-000002", "optimizer.safetensors"));
  flipBit(join(folder, "checkpoints", "step-000003", "manifest.json"));
  const before = contentsOf(folder);
  expectFailure(
    await train(folder),
    "checkpoint-corrupt",
    "step-000002/optimizer.safetensors",
    "step-000003/manifest.json",
    "nothing was removed",
  );
  expect(contentsOf(folder)).toEqual(before);
});

test("a run.json cut off: run-damaged; a log damaged before its end: log-damaged; nothing is removed", async () => {
  const folder = copyOfRun();
  const path = join(folder, "run.json");
  const whole = readFileSync(path);
  writeFileSync(path, whole.subarray(0, 40));
  expectFailure(await train(folder), "run-damaged", path);
  writeFileSync(path, whole);
  const log = readFileSync(join(folder, "log"));
  flipBit(join(folder, "log"), 60);
  expectFailure(await train(folder), "log-damaged", join(folder, "log"));
  expect(readFileSync(join(folder, "log")).length).toBe(log.length);
});

test("no room for the log: disk-full names it; with room the run goes on to the same weights", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  expectFailure(await trainLimited(folder, 4), "disk-full", join(folder, "log"), "Make room");
  expect(contentsOf(folder)).toEqual(before);
  expect(weightsOf(await train(folder))).toBe(undisturbed);
});

test("no room for a checkpoint: the steps go on, the end says what is missing; with room the run ends with the same weights", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  const ended = await trainLimited(folder, 24);
  expectFailure(ended, "checkpoint-missing", "the run ended after step 6, but its last checkpoint is that of step 3");
  const warning = ended.events.find(({ event }) => event === "warned");
  expect(warning?.["what"]).toMatch(/^checkpoint of step 6: disk-full: cannot write .*\.safetensors: no space \(EFBIG\)/);
  expect(contentsOf(folder)).toEqual(before);
  expect(weightsOf(await train(folder))).toBe(undisturbed);
});

test("a run directory that another process has: run-locked with its id at once; when that is killed the run goes on", async () => {
  const folder = copyOfRun();
  const holder = start(["coordinator", file, "--out", folder]);
  await holder.event("listening");
  expectFailure(await train(folder), "run-locked", `process ${holder.child.pid} has ${folder}`);
  holder.child.kill("SIGKILL");
  await holder.ended;
  expect(weightsOf(await train(folder))).toBe(undisturbed);
});

test("no TensorFlow: no-tensorflow once and how to install it, or class-differs where WebAssembly would go on; the run is as it was", async () => {
  const folder = copyOfRun();
  const before = contentsOf(folder);
  const project = { root: projectWithoutAddon() };
  expectFailure(
    await run(["train", file, "--out", folder, ...sets({ "engine.backend": "tensorflow" })], project),
    "no-tensorflow",
    "scripts/setup.mjs",
  );
  expectFailure(await run(["train", file, "--out", folder], project), "class-differs", "this worker's from wasm");
  expect(contentsOf(folder)).toEqual(before);
});

/** A coordinator whose files may have so many KiB, and a worker without that limit, whose recorded step is larger. */
async function trainLimited(folder: string, fileLimit: number): ReturnType<typeof run> {
  const coordinator = start(["coordinator", file, "--out", folder], { fileLimit });
  const { port } = await coordinator.event("listening");
  // Under the name that the run knows, or the coordinator waits for that one first.
  const worker = start(["worker", "--name", "w1", "--join", `ws://127.0.0.1:${String(port)}`, "--token-file", join(folder, "token")]);
  const ended = await coordinator.ended;
  worker.child.kill("SIGTERM");
  await worker.ended;
  return ended;
}

function flipBit(path: string, at = -5): void {
  const bytes = readFileSync(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index);
  writeFileSync(path, bytes);
}

/** This project with all its packages, but tfjs-node without its addon: what a clone is before the runtime is built. */
function projectWithoutAddon(): string {
  const project = fileURLToPath(new URL("../../", import.meta.url));
  const clone = join(testFolder(), "clone");
  for (const name of ["bin", "dist", "package.json", "proto"]) cpSync(join(project, name), join(clone, name), { recursive: true });
  mkdirSync(join(clone, "src")); // a clone: the published package, which has none, would set itself up
  const addon = join("@tensorflow", "tfjs-node-gpu");
  for (const name of packagesIn(join(project, "node_modules"))) {
    const [from, to] = [join(project, "node_modules", name), join(clone, "node_modules", name)];
    mkdirSync(dirname(to), { recursive: true });
    if (name !== addon) symlinkSync(from, to);
    else cpSync(from, to, { recursive: true, filter: (path) => !path.startsWith(join(from, "lib")) });
  }
  expect(existsSync(join(clone, "node_modules", addon, "package.json"))).toBe(true);
  return clone;
}

function packagesIn(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(folder, name)).map((one) => join(name, one)) : [name],
  );
}
