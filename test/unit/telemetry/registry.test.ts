import { describe, expect, it } from "vitest";
import { entriesOf, Metrics, otherValue } from "../../../src/telemetry/io/registry.ts";
import { labels, metrics } from "../../../src/telemetry/metrics.ts";

const lineOf = (text: string, start: string): string | undefined => text.split("\n").find((line) => line.startsWith(start));

describe("the registry", () => {
  it("what the table does not have, or with other labels, does not compile; a value that a label cannot have is a bug", () => {
    const coordinator = new Metrics("coordinator");
    const misuses = [
      // @ts-expect-error no such metric
      () => coordinator.set("babelgrad_speed", 1),
      // @ts-expect-error of the worker alone
      () => coordinator.set("babelgrad_leaves_held", 1),
      // @ts-expect-error a counter is not set
      () => coordinator.set("babelgrad_generations_total", 1),
      // @ts-expect-error a label is missing
      () => coordinator.set("babelgrad_loss_nats", 1),
      // @ts-expect-error a metric without labels
      () => coordinator.set("babelgrad_step", 1, { worker: "w1" }),
      // @ts-expect-error a value that the label does not have
      () => coordinator.set("babelgrad_loss_nats", 1, { split: "test" }),
    ];
    expect(misuses.at(-1)).toThrow("test is a split");
  });

  it("a counter begins at 0 with every value that its labels may have; a gauge shows when it is known", async () => {
    const coordinator = new Metrics("coordinator");
    const before = await coordinator.text();
    for (const course of labels.course.values) expect(before).toContain(`babelgrad_commits_total{course="${course}"} 0\n`);
    expect(before).toContain("babelgrad_generations_total 0\n");
    expect(lineOf(before, "babelgrad_time_left_seconds")).toBeUndefined();
    coordinator.set("babelgrad_time_left_seconds", 60);
    expect(await coordinator.text()).toContain("babelgrad_time_left_seconds 60\n");
  });

  it("more values of a label than the table allows: the rest is one series, other", async () => {
    const coordinator = new Metrics("coordinator");
    for (let i = 0; i < labels.worker.max + 5; i++) coordinator.set("babelgrad_worker_up", i, { worker: `w${i}` });
    const series = (await coordinator.text()).split("\n").filter((line) => line.startsWith("babelgrad_worker_up{"));
    expect(series).toHaveLength(labels.worker.max + 1);
    expect(series.at(-1)).toBe(`babelgrad_worker_up{worker="${otherValue}"} ${labels.worker.max + 4}`);
  });

  it("a value that is forgotten shows no more, and its place is another's", async () => {
    const coordinator = new Metrics("coordinator");
    for (let i = 0; i < labels.worker.max; i++) coordinator.set("babelgrad_worker_up", 1, { worker: `w${i}` });
    coordinator.set("babelgrad_worker_leaves", 4, { worker: "w0" });
    coordinator.forget("worker", "w0");
    coordinator.set("babelgrad_worker_up", 1, { worker: "another" });
    const text = await coordinator.text();
    expect(text).not.toContain('worker="w0"');
    expect(text).toContain('babelgrad_worker_up{worker="another"} 1\n');
    expect(text).not.toContain(`"${otherValue}"`);
  });

  it("a total that is counted elsewhere: the counter shows it, and one that falls is a bug", async () => {
    const worker = new Metrics("worker");
    worker.raise("babelgrad_phase_seconds_total", 2, { phase: "idle" });
    worker.raise("babelgrad_phase_seconds_total", 5, { phase: "idle" });
    expect(await worker.text()).toContain('babelgrad_phase_seconds_total{phase="idle"} 5\n');
    expect(() => worker.raise("babelgrad_phase_seconds_total", 4, { phase: "idle" })).toThrow("fell from 5 to 4");
  });

  it("values looked up at a scrape are those of that moment", async () => {
    const worker = new Metrics("worker");
    let links = 0;
    worker.onScrape(() => worker.set("babelgrad_links", ++links));
    await worker.text();
    expect(await worker.text()).toContain("babelgrad_links 2\n");
  });
});

describe("the metrics table", () => {
  it("counters end in _total and nothing else does; every histogram has buckets that ascend", () => {
    for (const [name, metric] of [...entriesOf("coordinator"), ...entriesOf("worker")]) {
      expect(name.endsWith("_total")).toBe(metric.type === "counter");
      expect(metric.buckets !== undefined).toBe(metric.type === "histogram");
      expect([...(metric.buckets ?? [])].sort((a, b) => a - b)).toEqual(metric.buckets ?? []);
    }
  });

  it("every label is of some metric", () => {
    const used = new Set(Object.values(metrics).flatMap(({ labels: names }) => [...names]));
    expect(used).toEqual(new Set(Object.keys(labels)));
  });
});
