#!/usr/bin/env node
/**
 * The gate, `npm run check`: format, lint, types, arrows, purity, dead code, banned calls, unit and property tests (the
 * freshness of generated files is one of them). Checks run two at a time; each failure shows its output and what to do.
 *
 *     node scripts/check.mjs [NAME...]     only these checks
 */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Slow checks first, so that the quick ones fill the other core. */
const checks = [
  { name: "tests", command: "vitest run test/unit test/property", todo: "Run one: npx vitest run FILE." },
  { name: "types", command: "tsc -p tsconfig.json", todo: "Correct the types named above." },
  {
    name: "pure",
    command: "tsc -p tsconfig.pure.json",
    todo: "Outside io/, tfjs/, cli/ and mains there is no Node: take what is needed as a parameter (a port), or move the file.",
  },
  { name: "dead", command: "knip", todo: "Delete what is not used, or un-export it." },
  {
    name: "arrows",
    command: "depcruise src --config .dependency-cruiser.cjs --output-type err-long",
    todo: "See the comment under each import.",
  },
  {
    name: "lint",
    command: "oxlint --type-aware --deny-warnings",
    todo: "Each message links to its rule; a wanted exception carries its reason in a comment.",
  },
  {
    name: "format",
    command: "biome check --error-on-warnings --max-diagnostics=20",
    todo: "npx biome check --write corrects what it can.",
  },
  { name: "banned", command: "node scripts/banned.mjs", todo: "Use the replacement that each line names." },
];

const names = process.argv.slice(2);
const unknown = names.find((name) => !checks.some((check) => check.name === name));
if (unknown !== undefined) {
  console.error(`no check named ${unknown}; there are ${checks.map((check) => check.name).join(", ")}`);
  process.exit(2);
}

const queue = checks.filter((check) => names.length === 0 || names.includes(check.name));
let failures = 0;

async function work() {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const started = performance.now();
    const { status, output } = await run(check.command);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (status === 0) {
      console.log(`ok      ${check.name.padEnd(8)} ${seconds} s`);
      continue;
    }
    failures += 1;
    console.log(`\nFAILED  ${check.name.padEnd(8)} ${seconds} s   (${check.command})\n${output.trimEnd()}\n  → ${check.todo}\n`);
  }
}

/** Runs a command with the checkout's own tools first on the PATH. */
function run(command) {
  const [program, ...args] = command.split(" ");
  const env = { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env.PATH}` };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", (error) => resolve({ status: 1, output: error.message }));
    child.on("close", (status) => resolve({ status, output }));
  });
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
if (failures > 0) console.error(`${failures} of ${names.length || checks.length} checks failed`);
process.exitCode = failures > 0 ? 1 : 0;
