/** What Prometheus sees of a run of two workers, from /metrics of every process. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

  it("phases add up to the time that the process has lived", async () => {
    const text = await get(coordinator(), "/metrics");
    const sum = phases.reduce((total, phase) => total + seriesValue(text, `babelgrad_phase_seconds_total{phase="${phase}"}`), 0);
    const lived = Date.now() / 1000 - seriesValue(text, "babelgrad_start_time_seconds");
    expect(Math.abs(sum / lived - 1)).toBeLessThan(0.02);
  });

  it.skipIf(binaries === undefined)("satisfies promtool check metrics", async () => {
    const input = await get(coordinator(), "/metrics");
    execFileSync(binaries?.promtool ?? "", ["check", "metrics"], { input, stdio: ["pipe", "inherit", "inherit"] });
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
    const response = await fetch(`http://${coordinator()}${path}`, { headers: { origin: "http://elsewhere.example" } });
    expect(response.status).toBe(403);
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
