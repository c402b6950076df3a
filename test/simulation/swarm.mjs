/**
 * Simulates many seeds: node test/simulation/swarm.mjs --seeds 10000 [--from 1]. Prints the first seeds that fail and
 * how to replay them, then what all seeds covered. Exit status 1 when one failed.
 */
import { parseArgs } from "node:util";
import { createViteServer } from "vitest/node";

const shownMax = 5;
const { values } = parseArgs({ options: { seeds: { type: "string", default: "1000" }, from: { type: "string", default: "1" } } });
const server = await createViteServer({ server: { middlewareMode: true, ws: false }, logLevel: "error", configFile: false });
const { simulate } = await server.ssrLoadModule(new URL("./simulate.ts", import.meta.url).pathname);
const from = Number(values.from);
const count = Number(values.seeds);
const transitions = new Map();
let failed = 0;
const began = performance.now();
for (let seed = from; seed < from + count; seed++) {
  const result = simulate(seed);
  for (const [name, n] of result.transitions) transitions.set(name, (transitions.get(name) ?? 0) + n);
  if (result.failure === undefined || ++failed > shownMax) continue;
  const [what] = result.failure.split("\n");
  console.log(`seed ${seed}: ${what}\n  SEED=${seed} npx vitest run test/simulation/replay.test.ts`);
}
const seconds = (performance.now() - began) / 1000;
for (const [name, n] of [...transitions].sort(([a], [b]) => a.localeCompare(b))) console.log(`${String(n).padStart(9)}  ${name}`);
console.log(`${count} seeds, ${failed} failed, ${(count / seconds).toFixed(1)} seeds a second`);
await server.close();
process.exitCode = failed > 0 ? 1 : 0;
