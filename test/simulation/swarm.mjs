/**
 * Simulates many seeds: node test/simulation/swarm.mjs --seeds 10000 [--from 1]. Prints each seed that fails and how to
 * replay it, then what the seeds covered. Exit status 1 when one failed.
 */
import { parseArgs } from "node:util";
import { runnerImport } from "vite";

const { values } = parseArgs({ options: { seeds: { type: "string", default: "1000" }, from: { type: "string", default: "1" } } });
const { module } = await runnerImport(new URL("./simulate.ts", import.meta.url).pathname);
const from = Number(values.from);
const count = Number(values.seeds);
const transitions = new Map();
let failed = 0;
const began = performance.now();
for (let seed = from; seed < from + count; seed++) {
  const result = module.simulate(seed);
  for (const [name, n] of result.transitions) transitions.set(name, (transitions.get(name) ?? 0) + n);
  if (result.failure === undefined) continue;
  if (++failed > 5) continue;
  console.log(`seed ${seed}: ${result.failure.split("\n").slice(0, 3).join("\n")}\n  SEED=${seed} npx vitest run test/simulation/replay.test.ts`);
}
const seconds = (performance.now() - began) / 1000;
for (const [name, n] of [...transitions].sort(([a], [b]) => a.localeCompare(b))) console.log(`${String(n).padStart(9)}  ${name}`);
console.log(`${count} seeds, ${failed} failed, ${(count / seconds).toFixed(1)} seeds a second`);
process.exitCode = failed > 0 ? 1 : 0;
