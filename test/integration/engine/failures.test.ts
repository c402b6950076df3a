/** What the trainer does when something is missing, refused or dead: an error with a code, never a hang. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type EngineTrainer, openTrainer } from "../../../src/engine/io/open-trainer.ts";
import { stepScalars } from "../../../src/engine/schedule.ts";
import { configWith, formulaBatch } from "./fixture.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const config = configWith({
  "engine.backend": "tensorflow",
  "model.layers": 1,
  "model.heads": 2,
  "model.width": 16,
  "model.context": 8,
  "model.dropout": 0.1,
  "step.sequences": 2,
});
const vocabulary = 13;
const batch = formulaBatch(config, vocabulary, 0);
const backends = ["tensorflow", "wasm"] as const;
const open = (backend: (typeof backends)[number] = "tensorflow"): Promise<EngineTrainer> =>
  openTrainer({ config: { ...config, "engine.backend": backend }, vocabulary, probeBatch: batch });

/** Opens a trainer in a process of its own, from the built files in `folder`; what it prints. */
function openInProcess(folder: string): { readonly digest?: string; readonly code?: string; readonly todo?: string } {
  const script = `
    import { openTrainer } from ${JSON.stringify(join(folder, "dist/engine/io/open-trainer.js"))};
    const { config, vocabulary, batch } = JSON.parse(process.argv[2]);
    const arrays = Object.fromEntries(Object.entries(batch).map(([key, value]) => [key, Array.isArray(value) ? Int32Array.from(value) : value]));
    try {
      const trainer = await openTrainer({ config, vocabulary, probeBatch: arrays });
      console.log(JSON.stringify({ digest: trainer.numericClass.digest }));
      await trainer.close();
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, todo: error.todo }));
    }`;
  const plain = Object.fromEntries(Object.entries(batch).map(([key, value]) => [key, value instanceof Int32Array ? [...value] : value]));
  const input = JSON.stringify({ config, vocabulary, batch: plain });
  const file = join(mkdtempSync(join(tmpdir(), "babelgrad-test-")), "open.mjs");
  writeFileSync(file, script);
  const child = spawnSync(process.execPath, [file, input], { encoding: "utf8" });
  rmSync(dirname(file), { recursive: true });
  expect(child.status, child.stderr).toBe(0);
  return JSON.parse(child.stdout) as { digest?: string; code?: string; todo?: string }; // the script prints it
}

test("no native runtime: an error that says how to install it", () => {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-test-"));
  try {
    cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    linkModules(join(root, "node_modules"), join(folder, "node_modules"));
    const { code, todo } = openInProcess(folder);
    expect(code).toBe("no-tensorflow");
    expect(todo).toContain("scripts/setup.mjs");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** All packages as links, but tfjs-node as a copy without its addon. */
function linkModules(from: string, to: string): void {
  mkdirSync(join(to, "@tensorflow"), { recursive: true });
  for (const name of readdirSync(from)) if (name !== "@tensorflow") symlinkSync(join(from, name), join(to, name));
  for (const name of readdirSync(join(from, "@tensorflow"))) {
    const [source, target] = [join(from, "@tensorflow", name), join(to, "@tensorflow", name)];
    if (name !== "tfjs-node-gpu") symlinkSync(source, target);
    else cpSync(source, target, { recursive: true, filter: (path) => !path.startsWith(join(source, "lib")) });
  }
}

test("two processes: the same gradient and update, hence the same numeric class", async () => {
  const first = openInProcess(root);
  expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(openInProcess(root).digest).toBe(first.digest);
  const trainer = await open();
  expect(trainer.numericClass.digest).toBe(first.digest);
  await trainer.close();
});

test.each(backends)("%s: a batch of the wrong size: refused with a code, and the trainer goes on", async (backend) => {
  const trainer = await open(backend);
  const short = { ...batch, tokens: batch.tokens.slice(1) };
  await expect(trainer.computeLeaf(short)).rejects.toMatchObject({ code: "compute-failed" });
  const { gradient } = await trainer.computeLeaf(batch);
  trainer.release(gradient);
  await trainer.close();
});

test.each(backends)(
  "%s: a compute thread that dies: what waits and what comes later fails with a code, closing does not hang",
  async (backend) => {
    const trainer = await open(backend);
    const waiting = trainer.add(trainer.allocate(), new Float32Array(1)); // a broken invariant ends the thread
    const behind = trainer.computeLeaf(batch);
    await expect(waiting).rejects.toMatchObject({ code: "compute-lost" });
    await expect(behind).rejects.toMatchObject({ code: "compute-lost" });
    await expect(trainer.evaluate(batch)).rejects.toMatchObject({ code: "compute-lost" });
    await trainer.close();
  },
);

test.each(backends)("%s: a hundred steps: no tensor is left behind", async (backend) => {
  const trainer = await open(backend);
  const before = await trainer.tensorCount();
  for (let step = 0; step < 100; step++) {
    const { gradient } = await trainer.computeLeaf(formulaBatch(config, vocabulary, step));
    await trainer.apply(gradient, stepScalars(config, step, 0.01));
    trainer.release(gradient);
  }
  await trainer.evaluate(batch);
  for (let position = 0; position < 8; position++) await trainer.decode(position, position);
  await trainer.snapshot(100);
  expect(await trainer.tensorCount()).toBe(before);
  await trainer.close();
});
