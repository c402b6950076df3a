/** The coordinator's metrics, fed with the events of its run and with what the cluster sends and hears. */
import { basename } from "node:path";
import type { RunId, WorkerId } from "../../base/ids.ts";
import type { Millis } from "../../base/machine.ts";
import { slots } from "../../data/mixture.ts";
import type { StepSamples } from "../../data/step-samples.ts";
import { bitsPerByte, type LanguageTally, type Tally } from "../../step/tally.ts";
import type { Metrics } from "../../telemetry/io/registry.ts";
import { meanLoss, overallBitsPerByte } from "../../telemetry/report.ts";
import type { Plan, WorkerMessage } from "../../wire/messages.ts";
import type { CommittedStep } from "../cluster-events.ts";
import type { RunEvent } from "../run-event.ts";
import type { RunHistory } from "../run-history.ts";

export interface RunFacts {
  readonly metrics: Metrics<"coordinator">;
  readonly run: RunId;
  readonly folder: string;
  readonly term: number;
  readonly steps: number;
  readonly languages: readonly string[];
  readonly samples: StepSamples;
  /** Where the run stands; steps that are committed from now on come as events. */
  readonly history: RunHistory;
}

/** Names of lost workers are kept so long; one that comes back under another name is not missed for ever. */
const rememberLostMs = 3_600_000;

export class RunMetrics {
  readonly #facts: RunFacts;
  readonly #metrics: Metrics<"coordinator">;
  readonly #connected = new Set<string>();
  readonly #leaving = new Set<string>();
  readonly #lostAt = new Map<string, Millis>();
  #committedAt: Millis | undefined;
  /** When the members began what they compute now. */
  #stepBeganAt: Millis = 0;
  #isOver = false;

  constructor(facts: RunFacts) {
    const { metrics, run, folder, term, steps, languages, samples, history } = facts;
    this.#facts = facts;
    this.#metrics = metrics;
    metrics.set("babelgrad_run_info", 1, { run, name: basename(folder) });
    metrics.set("babelgrad_term", term);
    metrics.set("babelgrad_steps", steps);
    metrics.set("babelgrad_step", history.committed);
    metrics.set("babelgrad_members", 0);
    metrics.set("babelgrad_workers_connected", 0);
    languages.forEach((language, index) => {
      metrics.set("babelgrad_mixture_wanted_ratio", (samples.mixture.weights[index] ?? 0) / slots, { language });
      metrics.add("babelgrad_language_tokens_total", 0, { language });
    });
    this.#count(history.totals);
    if (history.lastEvaluation !== undefined) this.#showTally(history.lastEvaluation.tally, "validation");
    metrics.onScrape(() => {
      this.#showMixture();
      this.#forgetLost();
    });
  }

  take(event: RunEvent): void {
    const metrics = this.#metrics;
    switch (event.kind) {
      case "workerConnected":
        this.#connected.add(event.worker);
        this.#lostAt.delete(event.worker);
        metrics.set("babelgrad_workers_connected", this.#connected.size);
        metrics.set("babelgrad_worker_up", 1, { worker: event.worker });
        metrics.set("babelgrad_worker_leaves", 0, { worker: event.worker });
        return;
      case "workerGone":
        return this.#lose(event.worker);
      case "stepCommitted":
        metrics.set("babelgrad_steps", event.steps);
        if (event.tokensPerSecond !== undefined) metrics.set("babelgrad_tokens_per_second", event.tokensPerSecond);
        if (event.secondsLeft !== undefined) metrics.set("babelgrad_time_left_seconds", event.secondsLeft);
        return this.#commit(event.record);
      case "evaluated":
        return this.#showTally(event.tally, "validation");
      case "warned":
        return metrics.add("babelgrad_warnings_total", 1);
      case "generationBegan":
      case "checkpointStored":
      case "sampled":
      case "listening":
      case "forked":
      case "activity":
        return;
    }
  }

  /** A generation begins. */
  plan({ members }: Plan): void {
    this.#stepBeganAt = performance.now();
    this.#metrics.add("babelgrad_generations_total", 1);
    this.#metrics.set("babelgrad_members", members.length);
    for (const worker of this.#connected) {
      const leaves = members.find((m) => m.worker === worker)?.leaves.length ?? 0;
      this.#metrics.set("babelgrad_worker_leaves", leaves, { worker });
    }
  }

  heard(worker: WorkerId, message: WorkerMessage): void {
    if (message.kind === "leaving") this.#leaving.add(worker);
    if (message.kind === "prepared")
      this.#metrics.set("babelgrad_worker_prepare_seconds", (performance.now() - this.#stepBeganAt) / 1000, { worker });
  }

  /** A whole checkpoint is on disk. `seconds`: from its boundary; undefined: it was there already. */
  stored(step: number, writtenMs: number, seconds?: number): void {
    this.#metrics.set("babelgrad_checkpoint_step", step);
    this.#metrics.set("babelgrad_checkpoint_timestamp_seconds", writtenMs / 1000);
    if (seconds !== undefined) this.#metrics.set("babelgrad_checkpoint_seconds", seconds);
  }

  checkpointFailed(): void {
    this.#metrics.add("babelgrad_checkpoint_failures_total", 1);
  }

  /** Workers that go from now on are not missed. */
  end(): void {
    this.#isOver = true;
  }

  #commit(record: CommittedStep): void {
    const metrics = this.#metrics;
    const now = performance.now();
    if (this.#committedAt !== undefined) metrics.observe("babelgrad_step_seconds", (now - this.#committedAt) / 1000);
    this.#committedAt = now;
    this.#stepBeganAt = now;
    metrics.set("babelgrad_step", record.step + 1);
    metrics.add("babelgrad_commits_total", 1, { course: record.course });
    if (record.isSkipped) metrics.add("babelgrad_skipped_steps_total", 1);
    const again = record.computations.reduce((sum, times) => sum + Math.max(0, times - 1), 0);
    if (again > 0) metrics.add("babelgrad_recomputed_leaves_total", again);
    metrics.set("babelgrad_learning_rate", record.scalars.rate);
    metrics.set("babelgrad_gradient_norm", record.gradientNorm);
    this.#count(record.tally);
    this.#showTally(record.tally, "train");
  }

  #count(tally: Tally): void {
    for (const { language, targets } of tally) this.#metrics.add("babelgrad_language_tokens_total", targets, this.#named(language));
  }

  #showTally(tally: Tally, split: "train" | "validation"): void {
    const metrics = this.#metrics;
    metrics.set("babelgrad_loss_nats", meanLoss(tally), { split });
    metrics.set("babelgrad_bpb", overallBitsPerByte(tally), { split });
    for (const one of tally) {
      const labels = { ...this.#named(one.language), split };
      metrics.set("babelgrad_language_loss_nats", one.lossNats / one.targets, labels);
      // A target that is an end-of-text token alone has no bytes.
      if (one.bytes > 0) metrics.set("babelgrad_language_bpb", bitsPerByte(one.lossNats, one.bytes), labels);
    }
  }

  #showMixture(): void {
    const { languages, samples, history } = this.#facts;
    const byLanguage = new Map<number, LanguageTally>(history.totals.map((one) => [one.language, one]));
    const all = history.totals.reduce((sum, one) => sum + one.sequences, 0);
    languages.forEach((language, index) => {
      const sequences = byLanguage.get(index)?.sequences ?? 0;
      const size = samples.sizes[index] ?? 0;
      if (size > 0) this.#metrics.set("babelgrad_language_epochs", sequences / size, { language });
      if (all > 0) this.#metrics.set("babelgrad_mixture_drawn_ratio", sequences / all, { language });
    });
  }

  #lose(worker: string): void {
    const metrics = this.#metrics;
    this.#connected.delete(worker);
    metrics.set("babelgrad_workers_connected", this.#connected.size);
    if (this.#leaving.delete(worker) || this.#isOver) return metrics.forget("worker", worker);
    metrics.add("babelgrad_workers_lost_total", 1);
    metrics.set("babelgrad_worker_up", 0, { worker });
    metrics.set("babelgrad_worker_leaves", 0, { worker });
    metrics.drop("babelgrad_worker_prepare_seconds", { worker });
    this.#lostAt.set(worker, performance.now());
  }

  #forgetLost(): void {
    for (const [worker, at] of this.#lostAt)
      if (performance.now() - at > rememberLostMs) {
        this.#lostAt.delete(worker);
        this.#metrics.forget("worker", worker);
      }
  }

  #named(language: number): { readonly language: string } {
    return { language: this.#facts.languages[language] ?? `#${language}` };
  }
}
