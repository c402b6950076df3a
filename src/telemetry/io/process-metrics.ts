/** What every process tells of itself: version, phases, memory, when it began and how often it had to begin again. */
import type { Role } from "../metrics.ts";
import { PhaseClock, phases } from "../phase.ts";
import type { Metrics } from "./registry.ts";

/** The environment variable in which a supervisor tells its child how often that was started again. */
export const restartsVariable = "SUPERVISOR_RESTARTS";

/** Returns the clock of the process's phases; it began to count when the process did. */
export function watchProcess(metrics: Metrics<Role>, version: string): PhaseClock {
  const clock = new PhaseClock(0, "idle"); // performance.now() counts from the start of the process
  metrics.set("babelgrad_build_info", 1, { version, node: process.versions.node });
  metrics.set("babelgrad_start_time_seconds", performance.timeOrigin / 1000);
  metrics.set("babelgrad_restarts", Number(process.env[restartsVariable] ?? 0));
  metrics.onScrape(() => {
    const seconds = clock.seconds(performance.now());
    for (const phase of phases) metrics.raise("babelgrad_phase_seconds_total", seconds[phase], { phase });
    const { rss, heapUsed, external } = process.memoryUsage();
    metrics.set("babelgrad_memory_bytes", rss, { kind: "resident" });
    metrics.set("babelgrad_memory_bytes", heapUsed, { kind: "heap" });
    metrics.set("babelgrad_memory_bytes", external, { kind: "external" });
  });
  return clock;
}
