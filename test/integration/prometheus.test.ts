/**
 * A real Prometheus with the committed configuration, rules and dashboard, and a real run whose second worker is killed
 * and comes back. What is changed: the coordinator's address, and intervals and patience of minutes become a second or
 * so, or the test would wait for minutes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BabelgradProcess, makeRunFolder } from "./babelgrad-process.ts";
import { prometheusBinaries } from "./prometheus-binaries.ts";

const binaries = prometheusBinaries();
const deploy = fileURLToPath(new URL("../../deploy/", import.meta.url));

interface Target {
  readonly expr: string;
  readonly range?: boolean;
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly Target[];
}
interface Variable {
  readonly name: string;
  readonly query: string;
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
}
interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** [seconds, number] */
  readonly values?: readonly (readonly [number, string])[];
  readonly value?: readonly [number, string];
}
interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
}

const dashboard = JSON.parse(readFileSync(join(deploy, "grafana/dashboards/training.json"), "utf8")) as Dashboard; // Grafana's SDK has built it
const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const variables = dashboard.templating.list.filter(({ name }) => name !== "datasource");

/** What Grafana would make of a dashboard that shows the last minute: its intervals, and the choice All. */
const intervals: Readonly<Record<string, string>> = { $__rate_interval: "15s", $__interval: "1s" };

let folder: string;
let made: ReturnType<typeof makeRunFolder>;
let port: number;
let began: number;
let prometheus: ChildProcess | undefined;
let address: string;
const processes: BabelgradProcess[] = [];
let fired: Alert | undefined;

/** Asks Prometheus until the answer is there; a test that waits for ever fails by its time limit. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(200);
  }
}

async function api<T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
  const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string }; // Prometheus's own form
  if (status !== "success") throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`);
  return data;
}

async function series(expr: string, isRange: boolean): Promise<readonly Series[]> {
  const now = Date.now() / 1000;
  const parameters: Record<string, string> = isRange ? { start: String(began), end: String(now), step: "1" } : { time: String(now) };
  return (await api<{ result: readonly Series[] }>(isRange ? "query_range" : "query", { query: expr, ...parameters })).result;
}

async function value(expr: string): Promise<number | undefined> {
  const [first] = await series(expr, false);
  return first?.value === undefined ? undefined : Number(first.value[1]);
}

function filled(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries({ ...intervals, ...values }).reduce((filling, [name, one]) => filling.replaceAll(name, one), text);
}

/** The values of a variable, asked for as Grafana asks: label_values(selector, label). */
async function valuesOf(name: string): Promise<readonly string[]> {
  const { query } = variables.find((one) => one.name === name) ?? { query: "" };
  const [, selector = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
  return api<readonly string[]>(`label/${label}/values`, { "match[]": filled(selector, { $coordinator: address, $run: "run" }) });
}

function startWorker(name: string): BabelgradProcess {
  const worker = new BabelgradProcess([
    "worker",
    "--join",
    `ws://${address}`,
    "--token-file",
    join(made.folder, "run", "token"),
    "--name",
    name,
  ]);
  processes.push(worker);
  return worker;
}

function alert(): Promise<Alert | undefined> {
  return api<{ alerts: readonly Alert[] }>("alerts").then(({ alerts }) =>
    alerts.find(({ labels, state }) => labels["alertname"] === "BabelgradWorkerLost" && state === "firing"),
  );
}

describe.skipIf(binaries === undefined)("a run of two workers, one of which is killed and comes back", () => {
  beforeAll(async () => {
    made = makeRunFolder();
    folder = mkdtempSync(join(tmpdir(), "babelgrad-prometheus-"));
    const settings = ["steps=80000", "checkpoint.every=200", "validate.every=200", "net.heartbeatMs=200", "net.timeoutMs=3000"];
    const flags = settings.flatMap((setting) => ["--set", setting]);
    const coordinator = new BabelgradProcess(["coordinator", made.config, "--out", join(made.folder, "run"), ...flags]);
    processes.push(coordinator);
    const listening = await coordinator.until(({ event }) => event === "listening");
    address = `127.0.0.1:${String(listening["port"])}`;

    mkdirSync(join(folder, "data"));
    const configured = readFileSync(join(deploy, "prometheus/prometheus.yml"), "utf8");
    expect(configured.split("coordinator:7700")).toHaveLength(3);
    writeFileSync(join(folder, "prometheus.yml"), configured.replaceAll("coordinator:7700", address).replaceAll(": 15s", ": 1s"));
    const rules = readFileSync(join(deploy, "prometheus/alerts.yml"), "utf8");
    expect(rules).toMatch(/BabelgradWorkerLost\n.*\n +for: 1m\n/);
    writeFileSync(join(folder, "alerts.yml"), rules.replace(/(BabelgradWorkerLost\n.*\n +for: )1m\n/, "$13s\n"));
    port = await freePort();
    began = Date.now() / 1000;
    const data = `--storage.tsdb.path=${join(folder, "data")}`;
    const started = [`--config.file=${join(folder, "prometheus.yml")}`, data, `--web.listen-address=127.0.0.1:${port}`];
    prometheus = spawn(binaries?.prometheus ?? "", started, { stdio: "ignore" });

    startWorker("w1");
    const second = startWorker("w2");
    await coordinator.until((seen) => seen.event === "generationBegan" && Number(seen["workers"]) === 2);
    await until(async () =>
      (await value('count(rate(babelgrad_leaves_computed_total{worker=~"w1|w2"}[15s]) > 0)').catch(() => 0)) === 2 ? true : undefined,
    );
    await second.kill();
    fired = await until(alert);
    startWorker("w2");
    await until(async () => ((await alert()) === undefined ? true : undefined));
    // Both have computed for long enough that every window of 15 s lies in this state.
    await until(async () =>
      (await value('min(min_over_time(babelgrad_worker_leaves[15s])) > 0 and count(babelgrad_links{worker="w2"}) == 1')) === undefined
        ? undefined
        : true,
    );
    await until(async () => (((await value('time() - babelgrad_start_time_seconds{worker="w2"}')) ?? 0) > 25 ? true : undefined));
  }, 180_000);

  afterAll(async () => {
    for (const one of processes) await one.kill();
    if (prometheus !== undefined && prometheus.exitCode === null) {
      prometheus.kill("SIGKILL");
      await once(prometheus, "exit");
    }
    made.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("the alert for the lost worker fires with its name and says what to do; it resolves when the worker is back", async () => {
    expect(fired?.labels).toMatchObject({ worker: "w2", coordinator: address, severity: "warning" });
    expect(fired?.annotations["summary"]).toContain("Worker w2 was lost");
    expect(fired?.annotations["description"]).toContain("start it again under the same name");
    expect(await value('babelgrad_worker_up{worker="w2"}')).toBe(1);
    expect(await alert()).toBeUndefined();
  });

  it.each(variables)("the variable $name has values", async ({ name }) => {
    const expected: Readonly<Record<string, readonly string[]>> = {
      run: ["run"],
      coordinator: [address],
      language: ["en", "fr"],
      worker: ["w1", "w2"],
    };
    expect([...(await valuesOf(name))].sort()).toEqual(expected[name]);
  });

  it.each(queries)("$title: $expr has finite values", async ({ expr, range }) => {
    for (const worker of expr.includes("$worker") ? ["(w1|w2)", "w2"] : [""]) {
      const found = await series(filled(expr, { $coordinator: address, $language: "(en|fr)", $worker: worker }), range === true);
      expect(found.length, `${expr} of ${worker} has no series`).toBeGreaterThan(0);
      for (const { metric, values, value: single } of found) {
        // A rate over no event at all, such as the mean leaf of a worker that waits, is no number; the last ones are.
        const numbers = (values?.slice(-5) ?? [single ?? [0, "NaN"]]).map(([, text]) => Number(text));
        expect(numbers.every(Number.isFinite), `${JSON.stringify(metric)}: ${numbers.join()}`).toBe(true);
      }
    }
  });

  it.each(dashboard.annotations.list)("the annotation $name marks what has happened", async ({ expr }) => {
    expect((await series(filled(expr, { $coordinator: address }), true)).length).toBeGreaterThan(0);
  });

  it("the shares of the phases add up to 1 in every process", async () => {
    const sums = await series("sum by (job, instance) (rate(babelgrad_phase_seconds_total[15s]))", false);
    expect(new Set(sums.map(({ metric }) => metric["instance"]))).toEqual(new Set([address, "w1", "w2"]));
    for (const { metric, value: sum } of sums) expect(Math.abs(Number(sum?.[1]) - 1), JSON.stringify(metric)).toBeLessThan(0.02);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as { port: number }; // it listens on TCP
  await new Promise((resolve) => server.close(resolve));
  return free;
}
