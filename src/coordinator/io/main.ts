/**
 * The coordinator's process: puts the run directory, the prepared data, the server and the cluster machine together.
 * It keeps nothing that it could not read again from the run directory: any life of it goes on where the last ended.
 */
import { randomBytes } from "node:crypto";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { present } from "../../base/assert.ts";
import { digestOf } from "../../base/digest.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { WorkerId } from "../../base/ids.ts";
import { sha256 } from "../../base/io/sha256.ts";
import { realDisk } from "../../checkpoint/io/disk.ts";
import { CheckpointStore } from "../../checkpoint/io/store.ts";
import { checkpointName } from "../../checkpoint/manifest.ts";
import { fixHorizon } from "../../config/horizon.ts";
import { loadRunConfig } from "../../config/io/load.ts";
import type { Config } from "../../config/options.ts";
import { differingResultOptions, resultFields } from "../../config/result-options.ts";
import { prepareFromConfig } from "../../corpus/io/prepare-data.ts";
import { openData, type PreparedData } from "../../data/io/prepared-data.ts";
import { type LeafSource, leafSource } from "../../data/leaf-source.ts";
import { checkEpochs, stepSamples } from "../../data/step-samples.ts";
import { stepScalars } from "../../engine/schedule.ts";
import type { NumericClass } from "../../engine/trainer.ts";
import { modelLayout } from "../../model/parameters.ts";
import { clipScale } from "../../step/arithmetic.ts";
import { blockCount } from "../../step/block.ts";
import { firstLineage, type StepScalars } from "../../step/lineage.ts";
import { type Tally, targetsOf } from "../../step/tally.ts";
import { sampledLanguages } from "../../tasks/sampled-languages.ts";
import { watchProcess } from "../../telemetry/io/process-metrics.ts";
import { Metrics } from "../../telemetry/io/registry.ts";
import type { Phase, PhaseClock } from "../../telemetry/phase.ts";
import { Progress } from "../../telemetry/progress.ts";
import { atMost } from "../../wire/io/deadline.ts";
import { Activity } from "../activity.ts";
import { eventFields, type RunEvent } from "../run-event.ts";
import type { RunHistory } from "../run-history.ts";
import { requireSameResult } from "../run-identity.ts";
import type { RunRecord } from "../run-records.ts";
import { type CheckpointExchange, checkpointExchange } from "./checkpoint-exchange.ts";
import { ClusterShell } from "./cluster-shell.ts";
import { checkpointSettings, forkRun } from "./fork.ts";
import { keepSamples } from "./keep-samples.ts";
import { makeRun } from "./make-run.ts";
import { MetricsFile } from "./metrics-file.ts";
import { RunDirectory } from "./run-directory.ts";
import type { RunLog } from "./run-log.ts";
import { RunMetrics } from "./run-metrics.ts";
import { type CoordinatorServer, listen } from "./server.ts";
import type { Session } from "./worker-connection.ts";

export interface FinishedRun {
  readonly isComplete: boolean;
  readonly step: number;
  /** Unmasked targets of all committed steps. */
  readonly tokens: number;
  readonly weightsSha256: string | undefined;
  /** The evaluation at `step`, when there was one. */
  readonly evaluation: Tally | undefined;
}

export interface CoordinatorOptions {
  readonly config: Config;
  readonly folder: string;
  readonly softwareVersion: string;
  readonly onEvent: (event: RunEvent, languages: readonly string[]) => void;
  /** Aborted: finish the step, write a checkpoint, end. */
  readonly stop: AbortSignal;
}

/** At the end the disk may take so long for what is being written. */
const closeDeadlineMs = 10_000;
/** Non-finite averages in a row that end a run. */
const skipsMax = 10;
/** A change of what the processes do is told after at most so long. */
const activityEveryMs = 200;

/** Runs until the run is finished or stopped. Throws coded errors. */
export async function coordinate(
  options: CoordinatorOptions,
): Promise<{ readonly finished: FinishedRun; readonly languages: readonly string[] }> {
  if (options.config.fork) return coordinate(await forked(options));
  const directory = await RunDirectory.take(realDisk, options.folder);
  try {
    return await runIn(directory, options);
  } finally {
    await directory.release();
  }
}

/** The options under which the fork, once made, is a run like any other. */
async function forked(options: CoordinatorOptions): Promise<CoordinatorOptions> {
  const { folder, forkedFrom } = await forkRun(options.folder, options.config, (error) =>
    options.onEvent({ kind: "warned", what: `${error.message}. ${error.todo}` }, []),
  );
  options.onEvent({ kind: "forked", folder, run: forkedFrom.run, step: forkedFrom.step }, []);
  return { ...options, folder, config: { ...options.config, fork: false, resume: "auto" } };
}

async function runIn(directory: RunDirectory, options: CoordinatorOptions) {
  const { folder } = directory;
  const metrics = new Metrics("coordinator");
  const clock = watchProcess(metrics, options.softwareVersion);
  clock.enter("data", performance.now());
  const before = directory.run === undefined ? undefined : loadRunConfig(join(folder, "config.yaml"));
  if (before !== undefined && options.config.resume === "never")
    throw new BabelgradError("run-exists", `${folder} holds a run already`, { folder });
  const config = fixHorizon(options.config, before);
  const { dir: dataFolder } = await prepareFromConfig(config, { dir: join(folder, "data"), isOfRun: before !== undefined });
  const data = await openData(dataFolder);
  checkEpochs(config, data.manifest);
  sampledLanguages(
    config["sample.languages"],
    data.manifest.languages.map(({ language }) => language),
  );
  if (before === undefined) await makeRun(directory, config, data.manifest.sha256);
  else
    requireSameResult(
      folder,
      present(directory.run, "a run with a configuration").about,
      data.manifest.sha256,
      differingResultOptions(config, before),
    );

  const { log, history, term, torn } = await directory.openLog(Date.now());
  const run = new Run(directory, options, config, dataFolder, data, log, history, term, metrics, clock);
  if (torn !== undefined) run.warn(`the log's last ${torn.bytes} bytes were cut off by a crash and are dropped`);
  try {
    return await run.finish();
  } finally {
    await run.close();
    await log.close();
  }
}

class Run {
  readonly #directory: RunDirectory;
  readonly #options: CoordinatorOptions;
  readonly #config: Config;
  readonly #data: PreparedData;
  readonly #dataFolder: string;
  readonly #log: RunLog;
  readonly #history: RunHistory;
  readonly #term: number;
  readonly #languages: readonly string[];
  readonly #metricsFile: MetricsFile;
  readonly #metrics: Metrics<"coordinator">;
  readonly #clock: PhaseClock;
  readonly #runMetrics: RunMetrics;
  readonly #activity = new Activity();
  readonly #sessions = new Map<WorkerId, Session>();
  readonly #ended: Promise<FinishedRun>;
  #resolve: (run: FinishedRun) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #server: CoordinatorServer | undefined;
  #shell: ClusterShell | undefined;
  #checkpoints: CheckpointExchange | undefined;
  #begun: Promise<void> | undefined;
  readonly #source: LeafSource;
  readonly #progress: Progress;
  #activityTimer: NodeJS.Timeout | undefined;
  #members = 0;
  /** Why workers need not come back. */
  #farewell: string | undefined;
  /** The last record on its way to the disk. */
  #recording: Promise<void> = Promise.resolve();
  /** The last samples on their way to the disk. */
  #keepingSamples: Promise<void> = Promise.resolve();

  constructor(
    directory: RunDirectory,
    options: CoordinatorOptions,
    config: Config,
    dataFolder: string,
    data: PreparedData,
    log: RunLog,
    history: RunHistory,
    term: number,
    metrics: Metrics<"coordinator">,
    clock: PhaseClock,
  ) {
    this.#directory = directory;
    this.#options = options;
    this.#config = config;
    this.#dataFolder = dataFolder;
    this.#data = data;
    this.#log = log;
    this.#history = history;
    this.#term = term;
    this.#ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#languages = data.manifest.languages.map(({ language }) => language);
    this.#source = leafSource(config, data.manifest, data.shards, data.tokenizer.byteLengths);
    this.#progress = new Progress({
      steps: config.steps,
      leaves: config["step.leaves"],
      validationLeaves: this.#source.validationCount,
      sampleTokens: sampledLanguages(config["sample.languages"], this.#languages).length * config["sample.tokens"],
      validateEvery: config["validate.every"],
      checkpointEvery: config["checkpoint.every"],
      sampleEvery: config["sample.every"],
    });
    this.#metrics = metrics;
    this.#clock = clock;
    this.#runMetrics = new RunMetrics({
      metrics,
      run: present(directory.run, "the run was made").about.run,
      folder: directory.folder,
      term,
      steps: config.steps,
      languages: this.#languages,
      samples: stepSamples(config, data.manifest),
      history,
    });
    this.#metricsFile = new MetricsFile(realDisk, join(directory.folder, "metrics.jsonl"), (error) => this.warn(String(error)));
  }

  async finish(): Promise<{ readonly finished: FinishedRun; readonly languages: readonly string[] }> {
    const { folder } = this.#directory;
    const config = this.#config;
    const { about } = present(this.#directory.run, "the run was made");
    if (about.numericClass !== undefined) await this.#begin(about.numericClass);
    if (this.#isFinished()) {
      await this.#end(true);
      return { finished: await this.#ended, languages: this.#languages };
    }
    const token = await runToken(join(folder, "token"));
    const dataFiles = new Map(this.#dataFileNames().map((name) => [name, join(this.#dataFolder, name)]));
    this.#server = await listen({
      host: config["net.host"],
      port: config["net.port"],
      statusPort: config["metrics.port"],
      token,
      heartbeatMs: config["net.heartbeatMs"],
      timeoutMs: config["net.timeoutMs"],
      handlers: {
        isHealthy: () => true,
        isReady: () => this.#shell !== undefined && this.#shell.phase !== "gathering",
        metrics: () => this.#metrics.text(),
        dataFile: (name) => dataFiles.get(name),
        stateSource: (step) => this.#checkpoints?.source(step),
        stateSink: (step, worker) => this.#checkpoints?.sink(step, worker),
        onHello: () => ({
          term: this.#term,
          runId: about.run,
          config: JSON.stringify(config),
          manifest: JSON.stringify(this.#data.manifest),
          start: "",
        }),
        onClassified: async (_worker, text) => {
          const numericClass = JSON.parse(text) as NumericClass; // proof: a worker of this version wrote it, and the digest is compared
          await this.#directory.admitClass(numericClass);
          await this.#begin(numericClass);
        },
        onReady: (session) => {
          this.#sessions.set(session.worker, session);
          this.#activity.connected(session.worker);
          const { size } = this.#sessions;
          const isGathering = this.#shell === undefined || this.#shell.phase === "gathering";
          const awaited = isGathering ? Math.max(0, config["workers.min"] - size) : 0;
          this.#tell({ kind: "workerConnected", worker: session.worker, awaited });
        },
        onMessage: (session, message) => {
          this.#runMetrics.heard(session.worker, message);
          if (message.kind === "heartbeat") this.#activity.heard(session.worker, message.phase);
          this.#shell?.feed({ kind: "messageReceived", worker: session.worker, message });
        },
        onGone: (session, reason) => {
          this.#sessions.delete(session.worker);
          this.#activity.gone(session.worker);
          this.#tell({ kind: "workerGone", worker: session.worker, reason });
          this.#shell?.feed({ kind: "workerGone", worker: session.worker });
        },
      },
    });
    this.#enter("idle");
    const { port } = this.#server;
    this.#tell({ kind: "listening", port, folder, tokenFile: join(folder, "token"), dataFolder: this.#dataFolder });
    this.#activityTimer = setInterval(() => this.#showActivity(), activityEveryMs);
    const stop = () => {
      if (this.#shell === undefined) void this.#end(false);
      else this.#shell.feed({ kind: "stopRequested" });
    };
    if (this.#options.stop.aborted) stop();
    this.#options.stop.addEventListener("abort", stop, { once: true });
    return { finished: await this.#ended, languages: this.#languages };
  }

  async close(): Promise<void> {
    clearInterval(this.#activityTimer);
    this.#shell?.close();
    await this.#server?.close(this.#farewell);
    await atMost(closeDeadlineMs, this.#checkpoints?.close() ?? Promise.resolve());
    await atMost(closeDeadlineMs, this.#keepingSamples);
    await atMost(closeDeadlineMs, this.#metricsFile.close());
  }

  warn(what: string): void {
    this.#tell({ kind: "warned", what });
  }

  #tell(event: RunEvent): void {
    this.#runMetrics.take(event);
    if (event.kind !== "activity")
      this.#metricsFile.append({ event: event.kind, time: Date.now(), ...eventFields(event, this.#languages) });
    this.#options.onEvent(event, this.#languages);
  }

  #enter(phase: Phase): void {
    this.#clock.enter(phase, performance.now());
    this.#activity.enter(phase);
  }

  #showActivity(): void {
    const event = this.#activity.due(performance.now());
    if (event !== undefined) this.#tell(event);
  }

  /** Once the numeric class is known, and once only: workers are classified at the same time. */
  #begin(numericClass: NumericClass): Promise<void> {
    this.#begun ??= this.#openCluster(numericClass);
    return this.#begun;
  }

  /** The lineage of the initial state, the checkpoints and the machine. */
  async #openCluster(numericClass: NumericClass): Promise<void> {
    if (numericClass.backend === "wasm" && this.#config["engine.backend"] !== "wasm")
      this.#tell({ kind: "warned", what: "no native TensorFlow: WebAssembly computes, which is several times slower (babelgrad doctor)" });
    const config = this.#config;
    const { manifest } = this.#data;
    const { about } = present(this.#directory.run, "the run was made");
    const { forkedFrom } = about;
    const lineage = firstLineage(sha256, {
      resultOptions: digestOf(sha256, resultFields(config)),
      manifest: manifest.sha256,
      numericClass: numericClass.digest,
      seed: config.seed,
      initialState: forkedFrom?.lineage,
    });
    this.#history.begin(lineage);
    const { size, parameters } = modelLayout(config, manifest.vocabulary);
    const open = (folder: string) =>
      CheckpointStore.open(
        checkpointSettings(folder, config, this.#data, (error) => this.warn(`${error.code}: ${error.message}. ${error.todo}`)),
      );
    const { folder } = this.#directory;
    const store = await open(folder);
    const newest = await store.newest((m) => this.#history.lineageAt(m.step) === m.lineage);
    newest?.requireLayout(parameters);
    if (newest !== undefined) {
      this.#history.store(newest.manifest.step);
      this.#runMetrics.stored(newest.manifest.step, await writtenAt(folder, newest.manifest.step));
    }
    const isAtFork = forkedFrom !== undefined && newest === undefined;
    const initial = isAtFork ? await (await open(join(folder, "initial"))).newest() : undefined;
    const samples = stepSamples(config, manifest);
    const before = samples.counts(this.#history.first);
    this.#checkpoints = checkpointExchange({
      store,
      newest,
      initial,
      stateBytes: 4 * size * (config["optimizer.kind"] === "adamw" ? 3 : 2),
      about: (position) => ({
        run: about.run,
        step: position.step,
        lineage: position.lineage,
        numericClass: numericClass.digest,
        sequences: {
          ...forkedFrom?.sequences,
          ...Object.fromEntries(
            samples.counts(position.step).map((count, i) => {
              const language = this.#languages[i] ?? String(i);
              return [language, (forkedFrom?.sequences[language] ?? 0) + count - (before[i] ?? 0)];
            }),
          ),
        },
      }),
      warn: (what) => this.warn(what),
    });
    this.#shell = this.#startCluster(size);
  }

  /** Nothing is left to do: no worker is needed to say so. */
  #isFinished(): boolean {
    if (this.#shell === undefined) return false;
    const { committed, stored } = this.#history;
    const { steps } = this.#config;
    const isEvaluated = this.#history.isEvaluated(committed) || this.#source.validationCount === 0;
    return committed >= steps && stored.step === committed && (committed > steps || isEvaluated);
  }

  /** Moments that began at zero at the fork are corrected for their own age, not for the run's. */
  #scalarsOf(step: number, sumOfSquares: number): StepScalars {
    const scale = clipScale(sumOfSquares, this.#config["optimizer.clip"]);
    const scalars = stepScalars(this.#config, step, scale);
    if (this.#directory.run?.about.forkedFrom?.keepsMoments !== false) return scalars;
    const { beta1Power, beta2Power } = stepScalars(this.#config, step - this.#history.first, scale);
    return { ...scalars, beta1Power, beta2Power };
  }

  #startCluster(size: number): ClusterShell {
    const config = this.#config;
    const fatal = (error: unknown) => this.#reject(error);
    return new ClusterShell(
      {
        term: this.#term,
        leaves: config["step.leaves"],
        blocks: blockCount(size),
        validationLeaves: this.#source.validationCount,
        workersMin: config["workers.min"],
        expected: this.#history.lastGeneration?.members.map((m) => m.worker) ?? [],
        graceMs: config["net.graceMs"],
        timeoutMs: config["net.timeoutMs"],
        steps: config.steps,
        validateEvery: config["validate.every"],
        checkpointEvery: config["checkpoint.every"],
        sampleEvery: config["sample.every"],
        skipsMax,
        sha256,
        scalarsOf: (step, sumOfSquares) => this.#scalarsOf(step, sumOfSquares),
        history: this.#history,
      },
      {
        send: (worker, message) => this.#sessions.get(worker)?.send(message),
        closeWorker: (worker, reason) => {
          const session = this.#sessions.get(worker);
          this.#sessions.delete(worker);
          session?.close(reason);
        },
        append: async (record) => this.#record({ kind: "step", ...record }),
        recordGeneration: (plan, reason) => {
          const { generation, step, members } = plan;
          this.#members = members.length;
          this.#runMetrics.plan(plan);
          this.#activity.planned(members);
          this.#record({ kind: "generation", generation, step, members, reason }).catch(fatal);
          const names = members.map((m) => m.worker);
          this.#progress.began(performance.now(), names.length);
          this.#tell({ kind: "generationBegan", step, workers: names.length, members: names, reason });
        },
        reportStep: (record) => {
          const targets = targetsOf(record.tally);
          this.#progress.committed(performance.now(), record.step, targets);
          const { tokensPerSecond, secondsLeft } = this.#progress;
          this.#tell({ kind: "stepCommitted", record, steps: config.steps, workers: this.#members, tokensPerSecond, secondsLeft });
        },
        reportEvaluation: (position, tally) => {
          this.#record({ kind: "evaluation", ...position, tally }).catch(fatal);
          this.#progress.evaluated(performance.now());
          this.#tell({ kind: "evaluated", step: position.step, tally });
        },
        reportSamples: ({ step }, samples) => {
          this.#progress.sampled(performance.now());
          this.#tell({ kind: "sampled", step, samples });
          const kept = keepSamples(realDisk, this.#directory.folder, step, samples);
          this.#keepingSamples = kept.catch((error: unknown) => this.warn(error instanceof Error ? error.message : String(error)));
        },
        receiveCheckpoint: async (position, worker) => {
          const began = performance.now();
          const received = await present(this.#checkpoints, "a cluster has checkpoints").receive(position, worker);
          // A disk that cannot take the last state will not take it when it is sent again.
          const isLast = position.step >= config.steps || this.#options.stop.aborted;
          if (received === undefined || received instanceof BabelgradError) this.#runMetrics.checkpointFailed();
          if (received instanceof BabelgradError && isLast) throw this.#checkpointMissing(position.step, received);
          if (received === undefined || received instanceof BabelgradError) return false;
          const { step, weightsSha256 } = received;
          const name = `checkpoints/${checkpointName(step)}`;
          await this.#record({ kind: "checkpoint", step, name, weightsSha256 });
          if (step > this.#history.stored.step) this.#history.store(step);
          this.#runMetrics.stored(step, Date.now(), (performance.now() - began) / 1000);
          this.#progress.stored(performance.now(), step);
          this.#tell({ kind: "checkpointStored", step, name, weightsSha256 });
          return true;
        },
        onFinish: (_position, isComplete) => {
          this.#runMetrics.end();
          void this.#end(isComplete);
        },
        onFail: (code, what) => this.#reject(new BabelgradError(code, what)),
        onNote: () => undefined,
        onPhase: (phase) => this.#enter(phase),
        onFailure: fatal,
      },
    );
  }

  /** Appends to the log; when it is on disk, the history knows. */
  #record(record: RunRecord): Promise<void> {
    const recording = this.#log.append(record).then(() => this.#history.take(record));
    this.#recording = recording.catch(() => undefined); // whoever asked for it hears of its failure
    return recording;
  }

  async #end(isComplete: boolean): Promise<void> {
    await this.#recording;
    const hasBegun = this.#checkpoints !== undefined;
    const step = hasBegun ? this.#history.committed : 0;
    const stored = hasBegun ? this.#history.stored.step : 0;
    const newest = this.#checkpoints?.newestManifest;
    const { lastEvaluation } = this.#history;
    if (step > stored && isComplete) {
      this.#reject(this.#checkpointMissing(step));
      return;
    }
    if (step > stored)
      this.warn(`no worker has the state after ${step} steps; the run goes on from that after ${stored} and does the steps between again`);
    this.#farewell = isComplete ? "the run is finished" : "the run is stopped";
    this.#resolve({
      isComplete,
      step,
      tokens: targetsOf(this.#history.totals),
      weightsSha256: newest?.step === step ? newest.weightsSha256 : undefined,
      evaluation: lastEvaluation?.step === step ? lastEvaluation.tally : undefined,
    });
  }

  #checkpointMissing(step: number, cause?: BabelgradError): BabelgradError {
    const what = `the run ended after step ${step}, but its last checkpoint is that of step ${this.#history.stored.step}`;
    return new BabelgradError("checkpoint-missing", what, {}, { cause });
  }

  #dataFileNames(): readonly string[] {
    const { tokenizer, languages } = this.#data.manifest;
    return ["manifest.json", tokenizer.file, ...languages.flatMap(({ train, validation }) => [train.file, validation.file])];
  }
}

/** When the checkpoint of this step was written, in milliseconds since 1970. */
async function writtenAt(folder: string, step: number): Promise<number> {
  return (await stat(join(folder, "checkpoints", checkpointName(step), "manifest.json"))).mtimeMs;
}

/** The token that workers show: kept over lives of the coordinator, so that workers come back by themselves. Mode 600. */
async function runToken(path: string): Promise<string> {
  try {
    const token = (await readFile(path, "utf8")).trim();
    if (token.length >= 32) return token;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const token = randomBytes(24).toString("hex");
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  await chmod(path, 0o600);
  return token;
}
