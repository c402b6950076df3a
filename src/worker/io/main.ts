/**
 * A worker's process: connects to a coordinator, gets the run's configuration and data from it, opens the engine and
 * lets the member machine do the rest. It keeps nothing on disk but a cache of shards.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { present } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import { type Generation, type WorkerId, workerId } from "../../base/ids.ts";
import type { Config } from "../../config/options.ts";
import { fetchData, openData, type PreparedData } from "../../data/io/prepared-data.ts";
import { type LeafSource, leafSource } from "../../data/leaf-source.ts";
import type { Manifest } from "../../data/manifest.ts";
import { type EngineTrainer, openTrainer } from "../../engine/io/open-trainer.ts";
import type { State } from "../../engine/trainer.ts";
import { initialWeights } from "../../model/initial.ts";
import { leafMatrixOperations } from "../../model/matrix-operations.ts";
import { modelLayout } from "../../model/parameters.ts";
import type { Route, RoutedMessage, StateRoute, Ticket, Welcome } from "../../wire/handshake.ts";
import { atMost } from "../../wire/io/deadline.ts";
import { fetchState, putState, sinkInto, sourceOf } from "../../wire/io/state-transfer.ts";
import type { Plan, Position } from "../../wire/messages.ts";
import { type ControlLink, openControlLink } from "./control-link.ts";
import { FaultInjector, faultsOf } from "./fault.ts";
import { openPeerMesh, type PeerMesh } from "./peer-mesh.ts";
import { writeSamples } from "./samples.ts";
import { WorkerMetrics } from "./worker-metrics.ts";
import { WorkerShell } from "./worker-shell.ts";

export interface WorkerOptions {
  /** ws://HOST:PORT of the coordinator. */
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly softwareVersion: string;
  /** Address to listen on for other workers, and the one they are told. */
  readonly host: string;
  readonly advertise: string | undefined;
  /** Folder of the prepared data when it is on this machine; otherwise shards are fetched and cached. */
  readonly dataFolder: string | undefined;
  readonly onNote: (what: string) => void;
  /** Aborted: leave. */
  readonly stop: AbortSignal;
}

const linkDeadlineMs = 2000;
/** An engine ends after the leaf that it is computing. */
const engineDeadlineMs = 20_000;

/** Works until the coordinator says stop; resolves to its reason. Throws coded errors. */
export async function work(options: WorkerOptions): Promise<string> {
  const worker = new Worker(options);
  try {
    return await worker.run();
  } finally {
    await worker.close();
  }
}

/** What a run is, as this worker needs it; opened once and kept over connections. */
interface OpenRun {
  readonly config: Config;
  readonly data: PreparedData;
  readonly source: LeafSource;
  readonly trainer: EngineTrainer;
  readonly shell: WorkerShell;
}

class Worker {
  readonly #options: WorkerOptions;
  readonly #self: WorkerId;
  readonly #ended: Promise<string>;
  readonly #metrics: WorkerMetrics;
  #resolve: (reason: string) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #mesh: PeerMesh | undefined;
  #link: ControlLink | undefined;
  #run: Promise<OpenRun> | undefined;
  /** Why there is no connection; undefined while there is one. */
  #goneFor: string | undefined;
  #opened: OpenRun | undefined;
  /**
   * What messages said about reaching others, by what the machine's effects name again: it may carry out a message long
   * after the next one has come.
   */
  readonly #routes = new Map<string, readonly Route[]>();
  readonly #downLinks = new Set<WorkerId>();
  readonly #sources = new Map<string, StateRoute>();
  readonly #tickets = new Map<string, Ticket>();
  readonly #offers = new Map<string, { readonly step: number; readonly takeBack: () => void }>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#self = workerId(options.name);
    this.#metrics = new WorkerMetrics(options.softwareVersion, () => this.#mesh?.links ?? 0);
    this.#ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  async run(): Promise<string> {
    const { url, token, host, advertise, softwareVersion, onNote, stop } = this.#options;
    this.#mesh = await openPeerMesh({
      self: this.#self,
      host,
      ...(advertise === undefined ? {} : { advertise }),
      onFrame: (from, frame) => this.#opened?.shell.feed({ kind: "frameReceived", from, frame }),
      onLinkUp: (peer) => {
        this.#opened?.shell.feed({ kind: "linkOpened", peer });
        this.#downLinks.delete(peer);
        this.#link?.send({ kind: "linkUp", peer });
      },
      onLinkDown: (peer, reason) => {
        onNote(`no link to ${peer}: ${reason}`);
        this.#opened?.shell.feed({ kind: "linkClosed", peer });
        this.#downLinks.add(peer);
        this.#link?.send({ kind: "linkDown", peer });
      },
      onExchanged: (direction, content, bytes) => this.#metrics.exchanged(direction, content, bytes),
      status: {
        metrics: () => this.#metrics.text(),
        isHealthy: () => true,
        isReady: () => this.#opened?.shell.position !== undefined,
      },
      onIntruder: (reason) => onNote(`turned away: ${reason}`),
    });
    this.#link = openControlLink({
      url,
      token,
      hello: { worker: this.#self, peerAddress: this.#mesh.address, softwareVersion },
      phase: () => this.#metrics.phase,
      classify: async (welcome) => {
        this.#run ??= this.#open(welcome);
        this.#opened = await this.#run;
        return JSON.stringify(this.#opened.trainer.numericClass);
      },
      onConnected: () => {
        this.#metrics.connected();
        this.#goneFor = undefined;
        this.#opened?.shell.feed({ kind: "connected" });
        // The coordinator forgot them with the connection before.
        for (const peer of this.#downLinks) this.#link?.send({ kind: "linkDown", peer });
      },
      onMessage: (message) => this.#take(message),
      onGone: (reason) => {
        // Said once, however often it is tried.
        if (reason !== this.#goneFor) onNote(`no connection to the coordinator: ${reason}`);
        this.#goneFor = reason;
      },
      onGivenUp: this.#reject,
    });
    const leave = () => {
      this.#link?.send({ kind: "leaving" });
      this.#resolve("it was asked to leave");
    };
    if (stop.aborted) leave();
    stop.addEventListener("abort", leave, { once: true });
    return this.#ended;
  }

  async close(): Promise<void> {
    await atMost(linkDeadlineMs, this.#link?.close() ?? Promise.resolve());
    await atMost(linkDeadlineMs, this.#mesh?.close() ?? Promise.resolve());
    // An engine that is just being opened has a thread already, which would outlive us.
    const engine = this.#run?.then(({ trainer }) => trainer.close());
    await atMost(engineDeadlineMs, engine?.catch(() => undefined) ?? Promise.resolve());
  }

  #take(message: RoutedMessage): void {
    if (message.kind === "stop" && this.#opened === undefined) return this.#resolve(message.reason);
    if (message.kind === "plan") {
      this.#routes.set(generationName(message.generation), message.routes);
      for (const peer of this.#downLinks) if (!message.routes.some((route) => route.peer === peer)) this.#downLinks.delete(peer);
    } else if (message.kind === "load" && message.source !== undefined)
      this.#sources.set(transferName(message.position, message.donor), message.source);
    else if (message.kind === "serve" && message.ticket !== undefined)
      this.#tickets.set(transferName(message.position, message.receiver), message.ticket);
    this.#opened?.shell.feed({ kind: "messageReceived", message });
  }

  /** Plans are followed in the order of their generations: earlier ones will not be asked for. */
  #routesOf({ generation }: Plan): readonly Route[] {
    const routes = present(this.#routes.get(generationName(generation)), "a plan comes with routes");
    this.#routes.clear();
    this.#routes.set(generationName(generation), routes);
    return routes;
  }

  async #open(welcome: Welcome): Promise<OpenRun> {
    const { dataFolder, onNote } = this.#options;
    const config = JSON.parse(welcome.config) as Config; // proof: the coordinator of the same protocol version resolved it
    const manifest = JSON.parse(welcome.manifest) as Manifest; // proof: as above; shards are checked against it
    this.#metrics.enter("data");
    const data = dataFolder === undefined ? await this.#fetchData(manifest) : await openData(dataFolder);
    const source = leafSource(config, data.manifest, data.shards, data.tokenizer.byteLengths);
    this.#metrics.enter("idle");
    const trainer = await openTrainer({ config, vocabulary: data.manifest.vocabulary, probeBatch: source.leaf(0, 0) });
    this.#metrics.opened({
      numericClass: trainer.numericClass,
      leafOperations: leafMatrixOperations(config, data.manifest.vocabulary, config["step.sequences"]),
      matrixPeak: trainer.matrixPeak,
      tensorCount: () => trainer.tensorCount(),
    });
    const mesh = present(this.#mesh, "the mesh listens before the link is opened");
    mesh.configure({
      layout: { size: trainer.size, leaves: config["step.leaves"], languages: manifest.languages.length },
      heartbeatMs: welcome.heartbeatMs,
      timeoutMs: welcome.timeoutMs,
    });
    const shell = new WorkerShell({
      self: this.#self,
      leaves: config["step.leaves"],
      trainer,
      leafBatch: (step, leaf) => source.leaf(step, leaf),
      validationBatch: (index) => source.validation(index),
      send: (message) => this.#link?.send(message),
      sendFrame: (to, frame) => mesh.send(to, frame),
      setRoutes: (plan) => mesh.setRoutes(plan.generation, this.#routesOf(plan)),
      forgetFrames: (step) => mesh.forget(step),
      refusePeer: (from, reason) => {
        onNote(`refused a frame of ${from}: ${reason}`);
        mesh.refuse(from, reason);
      },
      fetchState: (position, donor) => this.#fetchState(config, trainer, position, donor),
      serveState: (state, position, receiver) => this.#serveState(state, position, receiver),
      writeSamples: (engine) => writeSamples(engine, config, data),
      faults: new FaultInjector(faultsOf(process.env, this.#self)),
      onStop: this.#resolve,
      onNote: () => undefined,
      watch: this.#metrics,
      onFailure: this.#reject,
    });
    return { config, data, source, trainer, shell };
  }

  async #fetchData(manifest: Manifest): Promise<PreparedData> {
    const { url, token } = this.#options;
    const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "babelgrad", "shards");
    return fetchData(
      async (name) => {
        const response = await fetch(new URL(`/data/${name}`, url.replace(/^ws/, "http")), {
          headers: { authorization: `Bearer ${token}` },
        });
        if (!response.ok) throw new BabelgradError("transfer-failed", `${name} from ${url}: it answers ${response.status}`);
        return new Uint8Array(await response.arrayBuffer());
      },
      manifest.sha256,
      cache,
    );
  }

  async #fetchState(config: Config, trainer: EngineTrainer, position: Position, donor: WorkerId | undefined): Promise<State> {
    const { url, token } = this.#options;
    const moments = config["optimizer.kind"] === "adamw" ? trainer.size : 0;
    const state: State = {
      step: position.step,
      weights: new Float32Array(trainer.size),
      moment1: new Float32Array(trainer.size),
      moment2: new Float32Array(moments),
    };
    if (donor === undefined && position.step === 0) {
      const layout = modelLayout(config, present(this.#opened, "the run is open").data.manifest.vocabulary);
      state.weights.set(initialWeights(layout, config.seed));
      return state;
    }
    const route = this.#sources.get(transferName(position, donor));
    this.#sources.clear();
    if (donor !== undefined && route === undefined) throw new BabelgradError("transfer-failed", `${donor} is gone`);
    const from =
      route === undefined
        ? { address: new URL(url).host, authorization: `Bearer ${token}` }
        : { address: route.address, authorization: `Ticket ${route.ticket}` };
    await fetchState({ ...from, step: position.step }, sinkInto([state.weights, state.moment1, state.moment2]));
    return state;
  }

  #serveState(state: State, position: Position, receiver: WorkerId | undefined): void {
    const { url, token, onNote } = this.#options;
    const source = sourceOf([state.weights, state.moment1, state.moment2]);
    if (receiver === undefined) {
      putState({ address: new URL(url).host, step: position.step, worker: this.#self, token }, source).catch((error: unknown) =>
        onNote(`the checkpoint of step ${position.step} did not arrive: ${error instanceof Error ? error.message : String(error)}`),
      );
      return;
    }
    const name = transferName(position, receiver);
    const ticket = present(this.#tickets.get(name), "whoever serves a member was given its ticket");
    this.#tickets.delete(name);
    // States of another boundary, and an earlier offer to the same joiner, are not wanted any more.
    for (const [key, { step, takeBack }] of this.#offers)
      if (step !== position.step || key === name) {
        takeBack();
        this.#offers.delete(key);
      }
    const takeBack = present(this.#mesh, "a member has a mesh").offerState(position.step, ticket, source);
    this.#offers.set(name, { step: position.step, takeBack });
  }
}

function generationName({ term, count }: Generation): string {
  return `${term}.${count}`;
}

/** A state on its way to or from a peer; undefined: the coordinator. */
function transferName({ step, lineage }: Position, peer: WorkerId | undefined): string {
  return `${step} ${lineage} ${peer ?? ""}`;
}
