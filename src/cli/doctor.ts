/** `babelgrad doctor`: what this machine has for training, what is missing and what to do about it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import type { Config } from "../config/options.ts";
import { installedRuntime } from "../engine/io/runtime.ts";
import { type ConfigFlags, configOf, withConfig, withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";

interface Finding {
  readonly name: string;
  /** `missing` stops training, `note` does not. */
  readonly status: "ok" | "note" | "missing";
  readonly found: string;
  readonly todo?: string;
}

export function define(command: Command): void {
  withExamples(withConfig(command), ["babelgrad doctor", "babelgrad doctor --json", "babelgrad doctor run.yaml   # also its port"]).action(
    async (file: string | undefined, flags: ConfigFlags) => doctor(configOf(file, flags), flags.json === true),
  );
}

async function doctor(config: Config, isJson: boolean): Promise<void> {
  const findings = [node(), runtime(config), ...devices(), threads(config), memory(), disk(), await port(config)];
  for (const finding of findings) {
    if (isJson) printEvent("checked", { ...finding });
    else process.stdout.write(row(finding));
  }
  const missing = findings.filter(({ status }) => status === "missing").map(({ name }) => name);
  if (missing.length > 0) throw new BabelgradError("not-ready", `missing for training: ${missing.join(", ")}`);
  if (isJson) printEvent("finished", { ready: true });
  else process.stdout.write("ready to train\n");
}

function row({ name, status, found, todo }: Finding): string {
  return `${status.padEnd(8)}${name.padEnd(12)}${found}\n${todo === undefined ? "" : `${" ".repeat(20)}→ ${todo}\n`}`;
}

function node(): Finding {
  return { name: "node", status: "ok", found: process.version };
}

/** What computes: TensorFlow where set-up has installed it, else WebAssembly. */
function runtime(config: Config): Finding {
  const again = `run: node ${fileURLToPath(new URL("../../scripts/setup.mjs", import.meta.url))}`;
  const { addon, stamp } = installedRuntime();
  const name = "tensorflow";
  if (addon === undefined) {
    const found = `${stamp === undefined ? "no native runtime" : `none: ${stamp.why}`}; WebAssembly computes, which is slower`;
    const isMissing = config["engine.backend"] === "tensorflow";
    return { name, status: isMissing ? "missing" : "note", found, todo: `for native TensorFlow ${again} --runtime auto` };
  }
  if (config["engine.backend"] === "wasm") return { name, status: "note", found: "not used: engine.backend is wasm, which is slower" };
  // In a process of its own: the library is large, and one that crashes must not take doctor with it.
  const script = "const m = { exports: {} }; process.dlopen(m, process.argv[1]); console.log(m.exports.TF_Version)";
  const child = spawnSync(process.execPath, ["-e", script, addon], { encoding: "utf8" });
  if (child.status !== 0) {
    const reason = /Error: (.*)/.exec(child.stderr)?.[1] ?? `exit status ${child.status}`;
    return { name, status: "missing", found: `does not load: ${reason}`, todo: again };
  }
  return { name, status: "ok", found: `${child.stdout.trim()} for ${stamp?.flavour === "cuda" ? "CUDA" : "the CPU"}` };
}

/** The processor and the instructions that matter to products of matrices; GPUs when there are any. */
function devices(): Finding[] {
  const known = existsSync("/proc/cpuinfo") ? (/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "").split(" ") : [];
  const flags = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"].filter((flag) => known.includes(flag));
  const cpu: Finding = {
    name: "cpu",
    status: "ok",
    found: `${cpus()[0]?.model.trim() ?? "unknown"} (${flags.join(" ") || "no vector extensions"})`,
  };
  const gpus = spawnSync("nvidia-smi", ["--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"], { encoding: "utf8" });
  if (gpus.status !== 0) return [cpu, { name: "gpu", status: "note", found: "no NVIDIA GPU: the CPU computes" }];
  return [
    cpu,
    ...gpus.stdout
      .trim()
      .split("\n")
      .map((found): Finding => ({ name: "gpu", status: "ok", found })),
  ];
}

function threads(config: Config): Finding {
  const cores = availableParallelism();
  const wanted = config["workers.count"] * config["engine.threads"];
  const found = `${cores} cores; ${config["workers.count"]} local workers with ${config["engine.threads"]} compute threads each`;
  if (wanted <= cores) return { name: "threads", status: "ok", found };
  return {
    name: "threads",
    status: "note",
    found,
    todo: "more threads than cores is slower: lower workers.count (engine.threads is part of the result)",
  };
}

function memory(): Finding {
  const limit = process.constrainedMemory();
  const total = limit > 0 && limit < totalmem() ? limit : totalmem();
  const found = `${gigabytes(total)}, ${gigabytes(freemem())} free`;
  if (total >= 4e9) return { name: "memory", status: "ok", found };
  return { name: "memory", status: "note", found, todo: "a worker needs 1 GB and more: train small models with --set workers.count=1" };
}

function disk(): Finding {
  const { bavail, bsize } = statfsSync(process.cwd());
  const finding = { name: "disk", found: `${gigabytes(bavail * bsize)} free in ${process.cwd()}` };
  if (bavail * bsize >= 2e9) return { ...finding, status: "ok" };
  return { ...finding, status: "note", todo: "a checkpoint takes 12 bytes a parameter, and checkpoint.keep of them are kept" };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Whether the coordinator could listen where the configuration says. */
async function port(config: Config): Promise<Finding> {
  const [host, number] = [config["net.host"], config["net.port"]];
  const server = createServer();
  const error = await new Promise<NodeJS.ErrnoException | undefined>((done) => {
    server.once("error", done).listen(number, host, () => done(undefined));
  });
  server.close();
  const name = `${host}:${number === 0 ? "(any free port)" : number}`;
  if (error === undefined) return { name: "port", status: "ok", found: `${name} is free` };
  return {
    name: "port",
    status: "missing",
    found: `${name}: ${error.code ?? error.message}`,
    todo: "choose another with net.host and net.port",
  };
}
