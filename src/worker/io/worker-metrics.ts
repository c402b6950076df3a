/** The worker's metrics, fed by its shell, its mesh and its connection. Nothing here waits for the engine. */
import type { NumericClass } from "../../engine/trainer.ts";
import { watchProcess } from "../../telemetry/io/process-metrics.ts";
import { Metrics } from "../../telemetry/io/registry.ts";
import type { Phase, PhaseClock } from "../../telemetry/phase.ts";
import type { Frame } from "../../wire/messages.ts";
import type { ShellWatch } from "./worker-shell.ts";

/** What is measured of an engine that is open. */
export interface EngineFacts {
  readonly numericClass: NumericClass;
  /** Floating-point operations of a leaf's matrix products, forward and backward. */
  readonly leafOperations: number;
  /** Floating-point operations a second that one large product reached. */
  readonly matrixPeak: number;
  tensorCount(): Promise<number>;
}

/** Tensors are counted at most so often, between two calls of the engine. */
const countTensorsEveryMs = 10_000;

export class WorkerMetrics implements ShellWatch {
  readonly #metrics = new Metrics("worker");
  readonly #clock: PhaseClock;
  #engine: EngineFacts | undefined;
  #tensorsCountedAt = Number.NEGATIVE_INFINITY;
  #connections = 0;

  constructor(version: string, links: () => number) {
    this.#clock = watchProcess(this.#metrics, version);
    this.#metrics.onScrape(() => this.#metrics.set("babelgrad_links", links()));
  }

  text(): Promise<string> {
    return this.#metrics.text();
  }

  get phase(): Phase {
    return this.#clock.phase;
  }

  enter(phase: Phase): void {
    if (phase !== this.#clock.phase) this.#clock.enter(phase, performance.now());
  }

  opened(engine: EngineFacts): void {
    this.#engine = engine;
    this.#metrics.set("babelgrad_engine_info", 1, { backend: engine.numericClass.backend });
    this.#countTensors();
  }

  connected(): void {
    this.#connections += 1;
    if (this.#connections > 1) this.#metrics.add("babelgrad_reconnects_total", 1);
  }

  exchanged(direction: "sent" | "received", content: Frame<unknown>["kind"], bytes: number): void {
    this.#metrics.add("babelgrad_exchange_bytes_total", bytes, { direction, content });
  }

  planned(leaves: number): void {
    this.#metrics.set("babelgrad_leaves_held", leaves);
  }

  leafComputed(seconds: number, targets: number): void {
    this.#metrics.add("babelgrad_leaves_computed_total", 1);
    this.#metrics.add("babelgrad_worker_tokens_total", targets);
    this.#metrics.observe("babelgrad_leaf_seconds", seconds);
    if (this.#engine !== undefined && seconds > 0)
      this.#metrics.set("babelgrad_matrix_peak_ratio", this.#engine.leafOperations / seconds / this.#engine.matrixPeak);
  }

  positioned(step: number): void {
    this.#metrics.set("babelgrad_step", step);
    if (performance.now() - this.#tensorsCountedAt > countTensorsEveryMs) this.#countTensors();
  }

  #countTensors(): void {
    this.#tensorsCountedAt = performance.now();
    // An engine that is lost meanwhile is reported by whoever needs it.
    this.#engine?.tensorCount().then(
      (count) => this.#metrics.set("babelgrad_tensors", count),
      () => undefined,
    );
  }
}
