// What do metrics cost? Trains with two workers and scrapes the coordinator and a worker all the while: how long /metrics takes,
// and how much of a step goes into keeping the metrics, measured around every call in the processes themselves.
//   node test/bench/metrics.mjs [--scrapes 400] [--config examples/udhr.yaml]
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { values } = parseArgs({
  options: { scrapes: { type: "string", default: "400" }, config: { type: "string", default: join(root, "examples/udhr.yaml") } },
});
const scrapes = Number(values.scrapes);
/** Between two scrapes of a process. Prometheus asks every few seconds; this is harder. */
const pauseMs = 50;

const folder = mkdtempSync(join(tmpdir(), "babelgrad-metrics-"));
const train = spawn(
  process.execPath,
  [join(root, "bin/babelgrad"), "train", values.config, "--out", join(folder, "run"), "--workers", "2", "--json"],
  {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, METRICS_COST: folder, NODE_OPTIONS: `--import=${new URL("metrics-cost.mjs", import.meta.url).href}` },
  },
);
const ended = new Promise((resolve) => train.on("close", resolve));
try {
  let port;
  for await (const line of createInterface({ input: train.stdout })) {
    const event = JSON.parse(line);
    if (event.event === "listening") port = event.port;
    if (event.event === "failed") throw new Error(line);
    if (event.event === "stepCommitted" && event.step >= 3) break;
  }
  train.stdout.resume();
  const [{ targets }] = await (await fetch(`http://127.0.0.1:${port}/sd`)).json();
  const addresses = { coordinator: `127.0.0.1:${port}`, worker: targets[0] };

  const times = { coordinator: [], worker: [] };
  const texts = {};
  for (let i = 0; i < scrapes; i++)
    for (const [role, address] of Object.entries(addresses)) {
      const began = performance.now();
      const response = await fetch(`http://${address}/metrics`);
      texts[role] = await response.text();
      times[role].push(performance.now() - began);
      await sleep(pauseMs / 2);
    }
  const seconds = { sum: number(texts.coordinator, "babelgrad_step_seconds_sum"), count: number(texts.coordinator, "babelgrad_step_seconds_count") };
  const stepMs = (1000 * seconds.sum) / seconds.count;
  console.log(`${seconds.count} steps of ${stepMs.toFixed(1)} ms on average\n`);
  console.log("/metrics while training     scrapes   p50 ms   p99 ms   max ms   bytes");
  for (const role of Object.keys(addresses)) {
    const sorted = times[role].toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)].toFixed(1).padStart(8);
    console.log(`  ${role.padEnd(24)} ${String(sorted.length).padStart(8)} ${at(0.5)} ${at(0.99)} ${at(1)} ${String(texts[role].length).padStart(7)}`);
  }
  train.kill("SIGINT");
  await ended;

  console.log("\nspent on metrics            calls a step   µs a step   share of a step   µs a scrape");
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".cost.json"))) {
    const { role, steps, calls, ms, scrapes: asked, scrapeMs } = JSON.parse(readFileSync(join(folder, name), "utf8"));
    const share = `${((100 * ms) / steps / stepMs).toFixed(3)} %`;
    console.log(
      `  ${role.padEnd(24)} ${(calls / steps).toFixed(0).padStart(13)} ${((1000 * ms) / steps).toFixed(1).padStart(11)} ${share.padStart(17)} ${((1000 * scrapeMs) / Math.max(1, asked)).toFixed(0).padStart(13)}`,
    );
  }
} finally {
  train.kill("SIGKILL");
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

function number(text, series) {
  return Number(text.split("\n").find((line) => line.startsWith(`${series} `))?.split(" ")[1]);
}
