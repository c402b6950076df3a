/**
 * A checkout where neither Python nor a compiler is: set-up goes on with WebAssembly, and runs keep their promise there
 * too. The packages are links to this checkout's, with TensorFlow's as npm brings it, without the native addon.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { run, testFolder, weightsOf } from "./bad-input.ts";

const project = fileURLToPath(new URL("../../", import.meta.url));
const folder = testFolder();
const root = join(folder, "checkout");
const programs = join(folder, "bin");
const env = { PATH: programs };
const file = join(folder, "tiny.yaml");

function setUp(...args: string[]): { readonly status: number | null; readonly out: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs"), ...args], { env, encoding: "utf8" });
  return { status, out: stdout + stderr };
}

/** A run of its own; the loss of each step and the weights at its end. */
async function train(name: string, workers: number, faults?: string): Promise<Awaited<ReturnType<typeof run>>> {
  const args = ["train", file, "--out", join(folder, name), "--workers", String(workers), "--set", `data.dir=${join(folder, "data")}`];
  return run(args, { root, env: faults === undefined ? env : { ...env, BABELGRAD_FAULTS: faults } });
}

beforeAll(() => {
  for (const path of [root, programs]) mkdirSync(path);
  for (const name of [
    "bin",
    "scripts",
    "src",
    "proto",
    "examples",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
  ])
    cpSync(join(project, name), join(root, name), { recursive: true });
  linkPackages(join(project, "node_modules"), join(root, "node_modules"));
  symlinkSync(process.execPath, join(programs, "node"));
  writeFileSync(join(programs, "npm"), "#!/bin/sh\n", { mode: 0o755 }); // the packages are there
  for (const name of ["bash", "flock"]) symlinkSync(`/usr/bin/${name}`, join(programs, name));
  writeFileSync(
    file,
    `steps: 6
seed: 5
data: { inputs: ["udhr:en=60+fr=60"], documents: paragraph, tokenizer: bytes, split: id, validationShare: 0.1 }
mixture: { epochs: 1000 }
model: { kind: transformer, layers: 2, heads: 2, width: 32, context: 32, dropout: 0.1 }
step: { leaves: 4, sequences: 2 }
optimizer: { rate: 3e-3, warmup: 2, clip: 0.2 }
validate: { every: 0 }
checkpoint: { every: 0 }
`,
  );
});

function linkPackages(from: string, to: string): void {
  const scope = "@tensorflow";
  mkdirSync(join(to, scope), { recursive: true });
  for (const name of readdirSync(from)) if (!name.startsWith(".") && name !== scope) symlinkSync(join(from, name), join(to, name));
  for (const name of readdirSync(join(from, scope))) {
    const [source, target] = [join(from, scope, name), join(to, scope, name)];
    if (name !== "tfjs-node-gpu") symlinkSync(source, target);
    else cpSync(source, target, { recursive: true, filter: (path) => !path.startsWith(join(source, "lib")) });
  }
}

test("--runtime wasm without python3 and compiler: set up with one line that says slower, nothing to do the second time", () => {
  const first = setUp("--runtime", "wasm");
  expect(first.status, first.out).toBe(0);
  expect(first.out).toMatch(
    /^packages +installed.*\nruntime +WebAssembly, slower than native TensorFlow: --runtime wasm was asked for .*\nbuild +compiled/,
  );
  expect(setUp()).toEqual({ status: 0, out: "set-up    nothing to do\n" });
});

test("--runtime auto there: the same, and the line says what is missing; doctor says it too, and that one can train", async () => {
  expect(setUp("--runtime", "auto").out).toMatch(
    /^runtime +WebAssembly, slower than native TensorFlow: python3 is missing.*install python3/,
  );
  const { status, events } = await run(["doctor"], { root, env });
  expect(status).toBe(0);
  expect(events).toContainEqual(
    expect.objectContaining({ name: "tensorflow", status: "note", found: expect.stringMatching(/^none: python3 is missing.*slower/) }),
  );
});

test("two workers, one of them killed: the weights of one undisturbed worker, in every bit", async () => {
  const alone = await train("alone", 1);
  const weights = weightsOf(alone);
  const warnings = alone.events.filter(({ event }) => event === "warned");
  expect(warnings).toEqual([
    expect.objectContaining({ what: expect.stringContaining("WebAssembly computes, which is several times slower") }),
  ]);
  for (const at of ["compute", "prepared"]) {
    const disturbed = await train(at, 2, JSON.stringify({ worker: "w2", faults: [{ step: 2, at }] }));
    expect(weightsOf(disturbed)).toBe(weights);
    expect(disturbed.events.filter(({ event }) => event === "processRestarted").length).toBeGreaterThan(0);
  }
});

test("engine.backend tensorflow there: no-tensorflow says how to get it, and how to do without", async () => {
  const args = [
    "train",
    file,
    "--out",
    join(folder, "native"),
    "--set",
    "engine.backend=tensorflow",
    "--set",
    `data.dir=${join(folder, "data")}`,
  ];
  const { status, err } = await run(args, { root, env });
  expect(status).toBe(1);
  expect(err).toMatch(/no-tensorflow[\s\S]*setup\.mjs[\s\S]*engine\.backend=wasm/);
});
