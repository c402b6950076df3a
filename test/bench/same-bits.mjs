// The first promise, measured: the same configuration with 1, 2 and 3 workers, and in further runs ten SIGKILLs of one of
// two workers in compute, exchange and prepared. Prints a table; exits 1 unless all weights are equal.
//   node test/bench/same-bits.mjs [--steps 50] [--config examples/udhr.yaml …]
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({ options: { steps: { type: "string", default: "50" }, config: { type: "string", multiple: true } } });
const configs = values.config ?? ["examples/udhr.yaml", "examples/udhr-lstm.yaml"];
/** Where the second worker kills itself. It is started again and joins some steps later, so not every fault of a run is met. */
const points = ["averages", "compute", "prepared", "exchange"];
const faultsOf = (run) => Array.from({ length: 12 }, (_, i) => ({ step: 2 + 4 * i, at: points[(run + i) % points.length] }));

let isEqual = true;
for (const config of configs) {
  console.log(`${config}, ${values.steps} steps`);
  const rows = [];
  for (const workers of [1, 2, 3]) rows.push({ name: `${workers} worker${workers > 1 ? "s" : ""}`, ...(await train(config, workers, [])) });
  for (let kills = 0, run = 0; kills < 10; run++) {
    const row = await train(config, 2, faultsOf(run));
    kills += row.kills;
    rows.push({ name: "2 workers, SIGKILLs", ...row });
  }
  for (const { name, weightsSha256, kills, redone, finished, recomputed, seconds } of rows) {
    const what = `kills ${kills}, steps redone ${redone}, finished ${finished}, leaves computed twice ${recomputed}`;
    console.log(`  ${name.padEnd(24)}${weightsSha256}  ${what}, ${seconds.toFixed(0)} s`);
  }
  if (new Set(rows.map((row) => row.weightsSha256)).size > 1) isEqual = false;
}
console.log(isEqual ? "all equal" : "DIFFERENT");
process.exitCode = isEqual ? 0 : 1;

async function train(config, workers, plan) {
  const out = mkdtempSync(join(tmpdir(), "same-bits-"));
  const args = ["train", resolve(root, config), "--out", join(out, "run"), "--workers", String(workers), "--json", "--set", `steps=${values.steps}`];
  const horizon = ["--set", "validate.every=0", "--set", "checkpoint.every=0"];
  const child = spawn(process.execPath, [join(root, "bin/babelgrad"), ...args, ...horizon], {
    env: plan.length === 0 ? process.env : { ...process.env, BABELGRAD_FAULTS: JSON.stringify({ worker: "w2", faults: plan }) },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const started = performance.now();
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  const events = text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  rmSync(out, { recursive: true });
  const steps = events.filter(({ event }) => event === "stepCommitted");
  return {
    weightsSha256: events.findLast(({ event }) => event === "finished")?.weightsSha256,
    kills: events.filter(({ event }) => event === "processRestarted").length,
    redone: steps.filter(({ course }) => course === "redone").length,
    finished: steps.filter(({ course }) => course === "finished").length,
    recomputed: steps.reduce((sum, { recomputed }) => sum + recomputed, 0),
    seconds: (performance.now() - started) / 1000,
  };
}
