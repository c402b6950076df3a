/**
 * The first promise with real processes and TensorFlow: the weights after a run do not depend on how many workers took
 * part, nor on which of them were killed where. `node test/bench/same-bits.mjs` does it at the examples' size.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunId } from "../../src/base/ids.ts";
import { realDisk } from "../../src/checkpoint/io/disk.ts";
import { RunDirectory } from "../../src/coordinator/io/run-directory.ts";
import { RunLog } from "../../src/coordinator/io/run-log.ts";
import type { RunRecord } from "../../src/coordinator/run-records.ts";

const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));
const leaves = 16;
const steps = 12;

const models = {
  transformer: "{ kind: transformer, layers: 2, heads: 2, width: 96, context: 32, dropout: 0.1 }",
  lstm: "{ kind: lstm, layers: 2, width: 96, context: 16, dropout: 0.1 }",
};

const configOf = (model: string): string => `steps: ${steps}
seed: 3
data: { inputs: ["udhr:en+fr+ru+sw"], documents: paragraph, vocabulary: 768, split: id, validationShare: 0.1 }
mixture: { epochs: 1000 }
model: ${model}
step: { leaves: ${leaves}, sequences: 2 }
optimizer: { rate: 3e-3, warmup: 2, clip: 0.2 }
validate: { every: 0 }
checkpoint: { every: 0 }
`;

interface Outcome {
  readonly weightsSha256: string;
  readonly validationLoss: number;
  readonly restarts: number;
  readonly records: readonly RunRecord[];
}

describe.each(Object.entries(models))("%s with dropout and clipping", (_name, model) => {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-same-bits-"));
  const outcomes = new Map<string, Outcome>();

  beforeAll(async () => {
    writeFileSync(join(folder, "run.yaml"), configOf(model));
    for (const workers of [1, 2, 3]) outcomes.set(String(workers), await train(folder, workers, []));
    // The second worker dies at the first of these steps that it sees in each of its lives.
    outcomes.set("redo", await train(folder, 2, [{ step: 2, at: "compute" }]));
    outcomes.set("finish", await train(folder, 2, [{ step: 2, at: "averages" }]));
    outcomes.set("prepared", await train(folder, 2, [{ step: 2, at: "prepared" }]));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const of = (name: string): Outcome => {
    const outcome = outcomes.get(name);
    if (outcome === undefined) throw new Error(`no outcome ${name}`);
    return outcome;
  };
  const stepsOf = (outcome: Outcome) => outcome.records.filter((r) => r.kind === "step");

  test("1, 2 and 3 workers, and a worker killed in compute, exchange and prepared: the same weights and validation loss", () => {
    for (const { weightsSha256, validationLoss } of outcomes.values()) {
      expect(weightsSha256).toBe(of("1").weightsSha256);
      expect(validationLoss).toBe(of("1").validationLoss);
    }
  });

  test("nothing failed: every member computed leaves and owned blocks, each leaf was computed once", () => {
    for (const workers of [1, 2, 3]) {
      const outcome = of(String(workers));
      const [first] = outcome.records.filter((r) => r.kind === "generation");
      expect(first?.members).toHaveLength(workers);
      for (const member of first?.members ?? []) {
        expect(member.leaves.length).toBeGreaterThan(0);
        expect(member.blocks.length).toBeGreaterThan(0);
      }
      expect(stepsOf(outcome)).toHaveLength(steps);
      for (const step of stepsOf(outcome)) {
        expect(step.computations).toEqual(Array.from({ length: leaves }, () => 1));
        expect(new Set(step.leafWorkers).size).toBe(workers);
        expect(step.course).toBe("plain");
      }
    }
  });

  test("a worker killed while it computes: the step is redone by the survivor", () => {
    expect(of("redo").restarts).toBeGreaterThan(0);
    expect(stepsOf(of("redo")).some((step) => step.course === "redone")).toBe(true);
  });

  test("a worker killed when the other has the whole average: the step is finished, nobody computes again", () => {
    const finished = stepsOf(of("finish")).filter((step) => step.course === "finished");
    expect(finished.length).toBeGreaterThan(0);
    for (const step of finished) expect(Math.max(...step.computations)).toBe(1);
  });

  test("every sample counts once: the log's targets are those of the undisturbed run, step by step", () => {
    for (const outcome of outcomes.values())
      expect(stepsOf(outcome).map((step) => step.tally)).toEqual(stepsOf(of("1")).map((step) => step.tally));
  });
});

async function train(folder: string, workers: number, faults: readonly { step: number; at: string }[]): Promise<Outcome> {
  const out = mkdtempSync(join(folder, "run-"));
  const child = spawn(
    process.execPath,
    [
      launcher,
      "train",
      join(folder, "run.yaml"),
      "--out",
      out,
      "--workers",
      String(workers),
      "--json",
      "--set",
      `data.dir=${join(folder, "data")}`,
    ],
    {
      env: faults.length === 0 ? process.env : { ...process.env, BABELGRAD_FAULTS: JSON.stringify({ worker: "w2", faults }) },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let [text, complaints] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect(status, complaints).toBe(0);
  const events = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly event: string; readonly weightsSha256: string; readonly validationLoss: number }); // proof: --json prints these
  const finished = events.at(-1);
  expect(finished?.event).toBe("finished");
  return {
    weightsSha256: finished?.weightsSha256 ?? "",
    validationLoss: finished?.validationLoss ?? Number.NaN,
    restarts: events.filter(({ event }) => event === "processRestarted").length,
    records: await recordsOf(out),
  };
}

async function recordsOf(folder: string): Promise<readonly RunRecord[]> {
  const directory = await RunDirectory.take(realDisk, folder);
  const run = directory.run?.about.run as RunId; // proof: the run was made
  await directory.release();
  const records: RunRecord[] = [];
  const { log } = await RunLog.open(realDisk, join(folder, "log"), run, (record) => records.push(record));
  await log.close();
  return records;
}
