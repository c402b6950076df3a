// Loaded into every process of test/bench/metrics.mjs: measures each call that keeps metrics, and writes the sums at the end.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

const command = process.argv[2];
if (isMainThread && (command === "coordinator" || command === "worker")) {
  const cost = { role: command, steps: 0, calls: 0, ms: 0, scrapes: 0, scrapeMs: 0 };
  let depth = 0;

  /** Calls within calls are counted once, with their outermost. What a scrape does counts as a scrape. */
  const measured = (call, isScrape) =>
    function (...given) {
      const began = performance.now();
      depth += 1;
      try {
        return call.apply(this, given);
      } finally {
        depth -= 1;
        const ms = performance.now() - began;
        if (isScrape) {
          cost.scrapes += 1;
          cost.scrapeMs += ms;
        } else if (depth === 0) {
          cost.calls += 1;
          cost.ms += ms;
        }
      }
    };
  const measure = (prototype, scrape) => {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      if (name !== "constructor" && typeof value === "function") prototype[name] = measured(value, name === scrape);
  };

  const { PhaseClock } = await import("../../dist/telemetry/phase.js");
  const { Metrics } = await import("../../dist/telemetry/io/registry.js");
  measure(PhaseClock.prototype);
  measure(Metrics.prototype, "text");
  if (command === "coordinator") {
    const { Activity } = await import("../../dist/coordinator/activity.js");
    const { RunMetrics } = await import("../../dist/coordinator/io/run-metrics.js");
    measure(Activity.prototype);
    measure(RunMetrics.prototype);
    const { take } = RunMetrics.prototype;
    RunMetrics.prototype.take = function (event) {
      if (event.kind === "stepCommitted") cost.steps += 1;
      return take.call(this, event);
    };
  } else {
    const { WorkerMetrics } = await import("../../dist/worker/io/worker-metrics.js");
    measure(WorkerMetrics.prototype, "text");
    const { positioned } = WorkerMetrics.prototype;
    WorkerMetrics.prototype.positioned = function (step) {
      cost.steps += 1;
      return positioned.call(this, step);
    };
  }
  process.on("exit", () => writeFileSync(join(process.env.METRICS_COST, `${process.pid}.cost.json`), JSON.stringify(cost)));
}
