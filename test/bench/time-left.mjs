// How far off is the time left that a run shows? Trains the example and compares, after 20, 50 and 80 % of its steps, what
// it said with what it took. Then times one redraw of the live view, against the run's median step.
//   node test/bench/time-left.mjs [CONFIG] [--set steps=100]... [--course plain|late|lost] [--record FILE]
// late: the second worker joins after a tenth of the run; lost: it is killed then and comes back. --record keeps what
// happened when, for test/unit/telemetry/progress.test.ts.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LiveTerminal } from "../../dist/cli/live-terminal.js";
import { loadRunConfig } from "../../dist/config/io/load.js";
import { openData } from "../../dist/data/io/prepared-data.js";
import { leafSource } from "../../dist/data/leaf-source.js";
import { sampledLanguages } from "../../dist/tasks/sampled-languages.js";
import { LiveView } from "../../dist/telemetry/live-view.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { set: { type: "string", multiple: true, default: [] }, course: { type: "string", default: "plain" }, record: { type: "string" } },
});
const folder = mkdtempSync(join(tmpdir(), "time-left-"));
const run = join(folder, "run");
try {
  await train();
  const events = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
  const commits = events.filter(({ event }) => event === "stepCommitted");
  const steps = commits[0].steps;
  const end = events.at(-1).time;
  for (const percent of [20, 50, 80]) {
    const { secondsLeft, time } = commits[Math.ceil((steps * percent) / 100) - 1];
    const took = (end - time) / 1000;
    const error = (100 * (secondsLeft - took)) / took;
    console.log(`after ${percent} %: said ${secondsLeft.toFixed(1)} s, took ${took.toFixed(1)} s, error ${error.toFixed(1)} %`);
  }
  const gaps = commits.slice(1).map(({ time }, i) => time - commits[i].time).sort((a, b) => a - b);
  console.log(`median step: ${gaps[gaps.length >> 1]} ms`);
  const drawing = timeOfPicture();
  // Five pictures a second: their share of a second is their share of a step.
  console.log(`one picture of the live view: ${drawing.toFixed(3)} ms, at most ${((5 * drawing) / 10).toFixed(3)} % of the time`);
  if (values.record !== undefined) writeFileSync(values.record, await recording(events));
} finally {
  rmSync(folder, { recursive: true });
}

/** Resolves when the run has ended. */
async function train() {
  const config = resolve(root, positionals[0] ?? "examples/udhr.yaml");
  const sets = values.set.flatMap((setting) => ["--set", setting]);
  const isLate = values.course === "late";
  const workers = [];
  const startWorker = (name, { port, tokenFile, dataFolder }) =>
    workers.push(babelgrad("worker", "--name", name, "--quiet", "--join", `ws://127.0.0.1:${port}`, "--token-file", tokenFile, "--data", dataFolder));
  const child = babelgrad(isLate ? "coordinator" : "train", config, "--out", run, "--json", ...sets);
  const pids = new Map();
  let listening;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line);
    if (event.event === "listening") listening = event;
    if (event.event === "listening" && isLate) startWorker("w1", event);
    if (event.event === "processStarted") pids.set(event.name, event.pid);
    if (event.event !== "stepCommitted") continue;
    if (event.step === Math.floor(event.steps / 10)) {
      if (isLate) startWorker("w2", listening);
      if (values.course === "lost") process.kill(pids.get("w2"), "SIGKILL");
    }
  }
}

function babelgrad(...args) {
  return spawn(process.execPath, [join(root, "bin/babelgrad"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Milliseconds to make a picture with twelve languages and two workers and to write it, escape sequences and all. */
function timeOfPicture() {
  const view = new LiveView();
  const languages = Array.from({ length: 12 }, (_, i) => `l${i}`);
  const tally = languages.map((_, language) => ({ language, sequences: 5, targets: 300, bytes: 900, lossNats: 1500 }));
  view.active("compute", ["w1", "w2"].map((worker) => ({ worker, phase: "compute", leaves: 8 })));
  let written = 0;
  const write = (text) => {
    written += Buffer.byteLength(text);
  };
  let step = 0;
  const picture = (width, height) => view.lines(step, { width, height, hasColour: true });
  const terminal = new LiveTerminal({ columns: 80, rows: 24, write }, picture);
  const times = 2000;
  const start = performance.now();
  for (; step < times; step++) {
    view.committed(step, { step, steps: times, tally, rate: 1e-3, tokensPerSecond: step, secondsLeft: step }, languages);
    terminal.draw();
  }
  const took = (performance.now() - start) / times;
  terminal.close();
  console.log(`${Math.round(written / times)} bytes a picture`);
  return took;
}

/** What happened when, one event a line: [milliseconds, kind, ...]. */
async function recording(events) {
  const config = loadRunConfig(join(run, "config.yaml"));
  const { manifest, shards, tokenizer } = await openData(join(run, "data"));
  const { validationCount } = leafSource(config, manifest, shards, tokenizer.byteLengths);
  const schedule = {
    steps: config.steps,
    leaves: config["step.leaves"],
    validationLeaves: validationCount,
    sampleTokens: sampledLanguages(config["sample.languages"], manifest.languages.map(({ language }) => language)).length * config["sample.tokens"],
    validateEvery: config["validate.every"],
    checkpointEvery: config["checkpoint.every"],
    sampleEvery: config["sample.every"],
  };
  const start = events[0].time;
  const rows = events.flatMap(({ time, event, step, tokens, workers }) => {
    const ms = time - start;
    if (event === "stepCommitted") return [[ms, event, step, tokens]];
    if (event === "generationBegan") return [[ms, event, step, workers]];
    return event === "evaluated" || event === "sampled" || event === "checkpointStored" ? [[ms, event, step]] : [];
  });
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(",\n");
  return `{\n  "schedule": ${JSON.stringify(schedule)},\n  "events": [\n${lines}\n  ]\n}\n`;
}
