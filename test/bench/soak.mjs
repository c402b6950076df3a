// Does a long run leak? Trains the example with two workers and watches the memory of each process: resident as the kernel
// counts it, JavaScript's heap and buffers as its own metrics say; the rest is native. Then takes as many steps on one
// trainer and counts TensorFlow's tensors.
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
    const [first, last] = [late[0], late.at(-1)];
    console.log(`${name}, MB at step ${first.step}, at step ${last.step}, least-squares slope per 1,000 steps between`);
    for (const kind of ["resident", "heap", "external", "native"])
      console.log(`  ${kind.padEnd(9)}${[first[kind], last[kind], slope(late, kind)].map((mb) => mb.toFixed(2).padStart(9)).join("")}`);
  }
  const [early, end] = await countTensors();
  console.log(`tensors: ${early} after 200 steps, ${end} after ${steps}`);
} finally {
  rmSync(folder, { recursive: true });
}

/** Memory of each process at every tenth step, in MB. */
async function watchRun() {
  const args = ["train", resolve(root, values.config), "--out", run, "--json", "--set", `steps=${steps}`, "--set", "mixture.epochs=1000"];
  const child = spawn(process.execPath, [join(root, "bin/babelgrad"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const pids = new Map();
  let port;
  const samples = new Map();
  let rest = "";
  for await (const chunk of child.stdout) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const event = JSON.parse(line);
      if (event.event === "processStarted") pids.set(event.name, event.pid);
      if (event.event === "listening") port = event.port;
      if (event.event !== "stepCommitted" || event.step % 10 !== 0) continue;
      const addresses = await addressesOf(port);
      for (const [name, pid] of pids) {
        const resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;
        const { heap, external } = await ownMemory(addresses.get(name));
        if (!samples.has(name)) samples.set(name, []);
        samples.get(name).push({ step: event.step, resident, heap, external, native: resident - heap - external });
      }
    }
  }
  return samples;
}

/** Where each process serves its metrics. */
async function addressesOf(port) {
  const entries = await (await fetch(`http://127.0.0.1:${port}/sd`)).json();
  const workers = entries.map(({ targets, labels }) => [labels.worker, targets[0]]);
  return new Map([["coordinator", `127.0.0.1:${port}`], ...workers]);
}

async function ownMemory(address) {
  const page = await (await fetch(`http://${address}/metrics`)).text();
  const megabytes = (kind) => Number(new RegExp(`^babelgrad_memory_bytes\\{kind="${kind}"\\} (\\S+)`, "m").exec(page)[1]) / 2 ** 20;
  return { heap: megabytes("heap"), external: megabytes("external") };
}

/** Least squares, in MB per 1,000 steps. */
function slope(points, kind) {
  const mean = (pick) => points.reduce((sum, p) => sum + pick(p), 0) / points.length;
  const [x, y] = [mean((p) => p.step), mean((p) => p[kind])];
  const covariance = points.reduce((sum, p) => sum + (p.step - x) * (p[kind] - y), 0);
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
