// Does a long run leak? Trains the example with two workers and watches their resident memory from outside; then takes as
// many steps on one trainer and counts TensorFlow's tensors.
//   node test/bench/soak.mjs [--steps 2000] [--config examples/udhr.yaml]
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRunConfig } from "../../dist/config/io/load.js";
import { openData } from "../../dist/data/io/prepared-data.js";
import { leafSource } from "../../dist/data/leaf-source.js";
import { openTrainer } from "../../dist/engine/io/open-trainer.js";
import { stepScalars } from "../../dist/engine/schedule.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({ options: { steps: { type: "string", default: "2000" }, config: { type: "string", default: "examples/udhr.yaml" } } });
const steps = Number(values.steps);
const folder = mkdtempSync(join(tmpdir(), "soak-"));
const run = join(folder, "run");
try {
  const samples = await watchRun();
  for (const [name, points] of samples) {
    const late = points.filter(({ step }) => step >= 200);
    console.log(`${name}: ${late[0].megabytes.toFixed(1)} MB at step ${late[0].step}, ${late.at(-1).megabytes.toFixed(1)} MB at step ${late.at(-1).step}, slope ${slope(late).toFixed(2)} MB per 1,000 steps`);
  }
  const [early, end] = await countTensors();
  console.log(`tensors: ${early} after 200 steps, ${end} after ${steps}`);
} finally {
  rmSync(folder, { recursive: true });
}

/** Resident memory of each process at each step, as the kernel counts it. */
async function watchRun() {
  const args = ["train", resolve(root, values.config), "--out", run, "--json", "--set", `steps=${steps}`, "--set", "mixture.epochs=1000"];
  const child = spawn(process.execPath, [join(root, "bin/babelgrad"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const pids = new Map();
  const samples = new Map();
  let rest = "";
  for await (const chunk of child.stdout) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const event = JSON.parse(line);
      if (event.event === "processStarted") pids.set(event.name, event.pid);
      if (event.event !== "stepCommitted" || event.step % 10 !== 0) continue;
      for (const [name, pid] of pids) {
        const megabytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
        if (!samples.has(name)) samples.set(name, []);
        samples.get(name).push({ step: event.step, megabytes });
      }
    }
  }
  return samples;
}

/** Least squares, in MB per 1,000 steps. */
function slope(points) {
  const mean = (pick) => points.reduce((sum, p) => sum + pick(p), 0) / points.length;
  const [x, y] = [mean((p) => p.step), mean((p) => p.megabytes)];
  const covariance = points.reduce((sum, p) => sum + (p.step - x) * (p.megabytes - y), 0);
  return (1000 * covariance) / points.reduce((sum, p) => sum + (p.step - x) ** 2, 0);
}

async function countTensors() {
  const config = loadRunConfig(join(run, "config.yaml"));
  const { manifest, shards, tokenizer } = await openData(join(run, "data"));
  const source = leafSource(config, manifest, shards, tokenizer.byteLengths);
  const trainer = await openTrainer({ config, vocabulary: manifest.vocabulary, probeBatch: source.leaf(0, 0) });
  const counts = [];
  for (let step = 0; step < steps; step++) {
    const { gradient } = await trainer.computeLeaf(source.leaf(step, step % config["step.leaves"]));
    await trainer.apply(gradient, stepScalars(config, step, 1e-3));
    trainer.release(gradient);
    if (step + 1 === 200 || step + 1 === steps) counts.push(await trainer.tensorCount());
  }
  await trainer.close();
  return counts;
}
