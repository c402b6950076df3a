#!/usr/bin/env node
/**
 * Makes a checkout ready: npm packages, TensorFlow runtime, build. Without dependencies, since it brings them.
 *
 * Each stage knows whether it is done by comparing what it would be made from with a stamp of what it was made from,
 * so a second run only compares. Work is done under a lock on the checkout (`flock`, which the kernel frees when its
 * holder dies, also over NFS), and each stage looks again once it has the lock.
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "./setup/build.mjs";
import { SetupError } from "./setup/command.mjs";
import { packages } from "./setup/packages.mjs";
import { python } from "./setup/python.mjs";
import { readRuntimeStamp, runtime, runtimeChoices } from "./setup/runtime.mjs";

const usage = `usage: node scripts/setup.mjs [--runtime auto|cpu|cuda|wasm] [--dev]

  --runtime   What computes; auto: TensorFlow for CUDA where an NVIDIA driver is, else for the CPU, else WebAssembly, which
              is slower and needs neither Python nor a compiler. Remembered for the next run.
  --dev       also what only the tests need`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @returns {number} exit status */
function main() {
  const flags = readFlags();
  if (flags === undefined) return 2;
  // Read first: npm ci removes node_modules and the stamp with it.
  const asked = flags.runtime ?? readRuntimeStamp(root)?.asked ?? "auto";
  const stages = [packages(root), runtime(root, asked), build(root), ...(flags.dev ? [python(root)] : [])];
  if (stages.every((stage) => stage.isDone())) {
    report("set-up", "nothing to do");
    return 0;
  }
  if (process.env["BABELGRAD_SETUP_LOCKED"] === undefined) {
    const status = runLocked(["--runtime", asked, ...(flags.dev ? ["--dev"] : [])]);
    if (status !== undefined) return status;
  }
  for (const stage of stages) {
    if (stage.isDone()) continue;
    const started = performance.now();
    const result = stage.run();
    report(stage.name, `${result} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  }
  return 0;
}

/** @returns {{runtime?: string, dev?: boolean} | undefined} */
function readFlags() {
  try {
    const { values } = parseArgs({ options: { runtime: { type: "string" }, dev: { type: "boolean" }, help: { type: "boolean" } } });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    if (values.runtime === undefined || runtimeChoices.includes(values.runtime)) return values;
    console.error(`--runtime is one of ${runtimeChoices.join(", ")}, not ${values.runtime}`);
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`);
  }
  return undefined;
}

/** Runs this script again while `flock` holds the checkout. Undefined when there is no `flock`: then nothing guards it. */
function runLocked(args) {
  const env = { ...process.env, BABELGRAD_SETUP_LOCKED: "1" };
  const self = fileURLToPath(import.meta.url);
  const child = spawnSync("flock", [join(root, "package.json"), process.execPath, self, ...args], { stdio: "inherit", env });
  return child.error === undefined ? (child.status ?? 1) : undefined;
}

function report(name, text) {
  console.log(`${name.padEnd(9)} ${text}`);
}

try {
  process.exitCode = main();
} catch (error) {
  const isReadOnly = ["EACCES", "EPERM", "EROFS"].includes(error.code);
  if (!(error instanceof SetupError) && !isReadOnly) throw error;
  console.error(
    `set-up failed: ${error.message}${isReadOnly ? `\nWhoever may write to ${root} must run: node ${fileURLToPath(import.meta.url)}` : ""}`,
  );
  process.exitCode = 1;
}
