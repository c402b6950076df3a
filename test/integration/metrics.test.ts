/** What Prometheus sees of a run of two workers, from /metrics of every process. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entriesOf } from "../../src/telemetry/io/registry.ts";
import type { Role } from "../../src/telemetry/metrics.ts";
import { phases } from "../../src/telemetry/phase.ts";
import { BabelgradProcess, makeRunFolder, type Seen } from "./babelgrad-process.ts";
import { prometheusBinaries } from "./prometheus-binaries.ts";

const binaries = prometheusBinaries();

interface Target {
  readonly targets: readonly string[];
  readonly labels: { readonly worker: string };
}

let run: BabelgradProcess;
let listening: Seen;
let made: ReturnType<typeof makeRunFolder>;
beforeAll(async () => {
  made = makeRunFolder();
  run = new BabelgradProcess(["train", made.config, "--out", `${made.folder}/run`, "--workers", "2", "--set", "steps=80000"]);
  listening = await run.until(({ event }) => event === "listening");
  await run.until(({ event }) => event === "evaluated");
  await run.until(({ event }) => event === "checkpointStored");
});
afterAll(async () => {
  await run.kill();
  made.remove();
});

async function get(address: string, path: string): Promise<string> {
  const response = await fetch(`http://${address}${path}`);
  expect(response.status).toBe(200);
  return response.text();
}

const coordinator = () => `127.0.0.1:${String(listening["port"])}`;

/** Value of a series, which is named as the text format has it. */
function seriesValue(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  expect(line, `${series} is missing`).toBeDefined();
  return Number(line?.slice(series.length + 1));
}

describe("/metrics of the coordinator", () => {
  it("shows where the run stands", async () => {
    const { step } = (await run.until(({ event }) => event === "stepCommitted")) as unknown as { step: number };
    const text = await get(coordinator(), "/metrics");
    expect(seriesValue(text, "babelgrad_step")).toBeGreaterThan(step);
    expect(seriesValue(text, "babelgrad_steps")).toBe(80_000);
    expect(seriesValue(text, "babelgrad_members")).toBe(2);
    expect(seriesValue(text, 'babelgrad_worker_leaves{worker="w1"}') + seriesValue(text, 'babelgrad_worker_leaves{worker="w2"}')).toBe(4);
    expect(seriesValue(text, 'babelgrad_mixture_drawn_ratio{language="en"}')).toBeCloseTo(0.5, 1);
    const shares = ["en", "fr"].map((language) => seriesValue(text, `babelgrad_mixture_wanted_ratio{language="${language}"}`));
    expect(shares[0]).toBe(1 - (shares[1] ?? 0));
  });
});

/** Every process of the run: where it is, its name, and the metrics that it should have. */
async function processes(): Promise<readonly { readonly name: string; readonly address: string; readonly role: Role }[]> {
  const found = JSON.parse(await get(coordinator(), "/sd")) as Target[];
  return [
    { name: "coordinator", address: coordinator(), role: "coordinator" },
    ...found.map(({ targets, labels }) => ({ name: labels.worker, address: targets[0] ?? "", role: "worker" as const })),
  ];
}

/** The text, which is of a moment between the two times in seconds. */
async function timed(address: string): Promise<{ readonly before: number; readonly text: string; readonly after: number }> {
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  const before = now();
  const text = await get(address, "/metrics");
  return { before, text, after: now() };
}

function phasesOf(text: string): readonly number[] {
  return phases.map((phase) => seriesValue(text, `babelgrad_phase_seconds_total{phase="${phase}"}`));
}

describe("/metrics of every process", () => {
  it("has a sample of each metric of the table for its role, and of no other", async () => {
    for (const { name, address, role } of await processes()) {
      const text = await get(address, "/metrics");
      const sampled = new Set([...text.matchAll(/^(babelgrad_\w+?)(_bucket|_sum|_count)?(\{.*\})? \S+$/gm)].map(([, metric]) => metric));
      expect(sampled, name).toEqual(new Set(entriesOf(role).map(([metric]) => metric)));
    }
  });

  it("has no value that is not a number", async () => {
    for (const { address } of await processes()) expect(await get(address, "/metrics")).not.toMatch(/ (NaN|\+Inf|-Inf)$/m);
  });

  it("phases add up to the time that the process has lived", async () => {
    for (const { name, address } of await processes()) {
      const { before, text, after } = await timed(address);
      const sum = phasesOf(text).reduce((total, seconds) => total + seconds);
      const began = seriesValue(text, "babelgrad_start_time_seconds");
      expect(sum, name).toBeGreaterThan(0.98 * (before - began));
      expect(sum, name).toBeLessThan(1.02 * (after - began));
    }
  });

  it("phases rise by the time that passes, and every phase of training is among them", async () => {
    for (const { name, address } of await processes()) {
      const first = await timed(address);
      const seen = run.events.length;
      await run.until((event) => event.event === "evaluated" && run.events.indexOf(event) >= seen);
      const second = await timed(address);
      const earlier = phasesOf(first.text);
      const rise = phasesOf(second.text).map((seconds, i) => seconds - (earlier[i] ?? 0));
      const sum = rise.reduce((total, seconds) => total + seconds);
      expect(sum, name).toBeGreaterThan(0.98 * (second.before - first.after));
      expect(sum, name).toBeLessThan(1.02 * (second.after - first.before));
      const [compute = 0, exchange = 0, commit = 0] = rise;
      expect(Math.min(compute, exchange, commit), name).toBeGreaterThan(0);
    }
  });

  it.skipIf(binaries === undefined)("satisfies promtool check metrics", async () => {
    for (const { address } of await processes()) {
      const input = await get(address, "/metrics");
      execFileSync(binaries?.promtool ?? "", ["check", "metrics"], { input, stdio: ["pipe", "inherit", "inherit"] });
    }
  });
});

describe("/metrics of the workers", () => {
  it("together they compute every leaf of a step, and what one sends the other has received", async () => {
    const workers = (await processes()).filter(({ role }) => role === "worker");
    const texts = await Promise.all(workers.map(({ address }) => get(address, "/metrics")));
    expect(texts.reduce((sum, text) => sum + seriesValue(text, "babelgrad_leaves_held"), 0)).toBe(4);
    for (const text of texts) {
      expect(seriesValue(text, "babelgrad_links")).toBe(1);
      expect(seriesValue(text, "babelgrad_leaf_seconds_count")).toBe(seriesValue(text, "babelgrad_leaves_computed_total"));
      expect(seriesValue(text, "babelgrad_matrix_peak_ratio")).toBeGreaterThan(0);
    }
    const bytes = (direction: string, content: string) =>
      texts.reduce(
        (sum, text) => sum + seriesValue(text, `babelgrad_exchange_bytes_total{direction="${direction}",content="${content}"}`),
        0,
      );
    // Frames are under way while we ask.
    for (const content of ["partial", "average"]) expect(bytes("sent", content) / bytes("received", content)).toBeCloseTo(1, 1);
  });

  it("/healthz and /readyz answer without a token", async () => {
    for (const { address } of await processes())
      expect([await get(address, "/healthz"), await get(address, "/readyz")]).toEqual(["ok\n", "ok\n"]);
  });

  it("a process that was started again says so", async () => {
    const seen = run.events.length;
    process.kill(run.pidOf("w2"), "SIGKILL");
    await run.until((event) => event.event === "workerConnected" && event["worker"] === "w2" && run.events.indexOf(event) >= seen);
    const again = (await processes()).find(({ name }) => name === "w2");
    expect(seriesValue(await get(again?.address ?? "", "/metrics"), "babelgrad_restarts")).toBe(1);
    const text = await get(coordinator(), "/metrics");
    expect(seriesValue(text, "babelgrad_workers_lost_total")).toBe(1);
    expect(seriesValue(text, 'babelgrad_worker_up{worker="w2"}')).toBe(1);
    expect(seriesValue(text, "babelgrad_restarts")).toBe(0);
  });
});

describe("/sd", () => {
  it("lists both workers", async () => {
    const found = JSON.parse(await get(coordinator(), "/sd")) as Target[];
    expect(found.map(({ labels }) => labels.worker).sort()).toEqual(["w1", "w2"]);
    for (const { targets } of found) expect(targets[0]).toMatch(/^127\.0\.0\.1:\d+$/);
  });
});

describe("a page of another origin", () => {
  it.each(["/metrics", "/healthz", "/readyz", "/sd"])("is refused %s", async (path) => {
    for (const { address } of await processes()) {
      const response = await fetch(`http://${address}${path}`, { headers: { origin: "http://elsewhere.example" } });
      expect(response.status).toBe(403);
    }
  });
});

describe("metrics.port", () => {
  it("taken by another program: port-taken names the option", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await once(squatter, "listening");
    const { port } = squatter.address() as { port: number }; // it listens on TCP
    const other = makeRunFolder();
    const failing = new BabelgradProcess(["train", other.config, "--out", `${other.folder}/run`, "--set", `metrics.port=${port}`]);
    expect(await failing.ended()).toBe(1);
    expect(failing.errorOutput + JSON.stringify(failing.events)).toContain("metrics.port=N");
    expect(await failing.summary()).toMatchObject({ event: "failed", code: "port-taken" });
    squatter.close();
    other.remove();
  });

  it("serves the same pages, and no others", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as { port: number }; // it listens on TCP
    await new Promise((resolve) => free.close(resolve));
    const other = makeRunFolder();
    const flags = ["--set", `metrics.port=${port}`, "--set", "steps=80000", "--workers", "1"];
    const second = new BabelgradProcess(["train", other.config, "--out", `${other.folder}/run`, ...flags]);
    await second.untilStep(3);
    const address = `127.0.0.1:${port}`;
    expect(seriesValue(await get(address, "/metrics"), "babelgrad_step")).toBeGreaterThan(3);
    expect(await get(address, "/healthz")).toBe("ok\n");
    expect(await get(address, "/readyz")).toBe("ok\n");
    expect(JSON.parse(await get(address, "/sd"))).toHaveLength(1);
    expect((await fetch(`http://${address}/data/manifest.json`)).status).toBe(404);
    await second.kill();
    other.remove();
  });
});
