/**
 * One control connection, seen from the coordinator: hello → welcome → classified → admitted, then messages. Whoever
 * says something else, or something out of turn, is cut off. Between welcome and classified minutes may pass while
 * the worker opens its engine; heartbeats go on.
 */
import type { WebSocket } from "ws";
import { BabelgradError } from "../../base/errors.ts";
import type { WorkerId } from "../../base/ids.ts";
import type { Hello, RoutedMessage, ToCoordinator, ToWorker, Welcome } from "../../wire/handshake.ts";
import { toCoordinator, toWorker } from "../../wire/io/control-codec.ts";
import { type KeepAlive, keepAlive } from "../../wire/io/keep-alive.ts";
import { isWorkerId } from "../../wire/io/tickets.ts";
import type { CoordinatorMessage, WorkerMessage } from "../../wire/messages.ts";
import { protocolVersion, schemaSha256 } from "../../wire/version.ts";

/** A worker that was admitted, on one connection. */
export interface Session {
  readonly worker: WorkerId;
  readonly peerAddress: string;
  send(message: CoordinatorMessage): void;
  close(reason: string): void;
}

/** The welcome without what the server fills in. */
export type Greeting = Omit<Welcome, "kind" | "heartbeatMs" | "timeoutMs">;

export interface SessionHandlers {
  /** A BabelgradError refuses the worker, which then gives up. */
  onHello(hello: Hello): Greeting | Promise<Greeting>;
  /** `numericClass` is the worker's JSON. A BabelgradError refuses the worker. */
  onClassified(worker: WorkerId, numericClass: string): void | Promise<void>;
  onReady(session: Session): void;
  /** Heartbeats too. */
  onMessage(session: Session, message: WorkerMessage): void;
  /** After onReady, once: the connection is closed, or a newer one of the same worker takes its place. */
  onGone(session: Session, reason: string): void;
}

export interface ConnectionOptions {
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  readonly handlers: SessionHandlers;
  readonly route: (message: CoordinatorMessage, to: WorkerId) => RoutedMessage;
  /** The connection that a worker of this name has. */
  readonly holderOf: (worker: WorkerId) => WorkerConnection | undefined;
  readonly greeted: (worker: WorkerId) => void;
  readonly closed: () => void;
}

/** A worker that is there sends one every heartbeat. */
const heartbeatsToAnswer = 3;

type Phase = "hello" | "greeting" | "opening" | "classifying" | "ready" | "closed";

/** A worker that reads nothing while this much waits for it is cut off. */
const waitingBytesMax = 256 * 1024 * 1024;

export class WorkerConnection {
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  #alive: KeepAlive;
  #phase: Phase = "hello";
  #hello: Hello | undefined;
  #session: Session | undefined;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#alive = this.#keepAlive(() => this.close("nothing was heard"));
    socket.on("message", (data: Buffer) => this.#take(data));
    socket.on("close", () => this.close("the connection was closed"));
    socket.on("error", (error) => this.close(error.message));
  }

  get worker(): WorkerId | undefined {
    return this.#hello?.worker;
  }

  get peerAddress(): string | undefined {
    return this.#hello?.peerAddress;
  }

  /** Closes at once and reports the session gone. */
  close(reason: string): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#alive.stop();
    this.#socket.close(1000, reason.slice(0, 100));
    setTimeout(() => this.#socket.terminate(), 1000).unref();
    this.#options.closed();
    if (this.#session !== undefined) this.#options.handlers.onGone(this.#session, reason);
  }

  /** Whether somebody is at the other end: a message comes in time. */
  answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isThere: boolean) => {
        clearTimeout(timer);
        this.#socket.off("message", heard).off("close", gone);
        resolve(isThere);
      };
      const heard = () => settle(true);
      const gone = () => settle(false);
      const timer = setTimeout(gone, heartbeatsToAnswer * this.#options.heartbeatMs);
      this.#socket.on("message", heard).on("close", gone);
    });
  }

  /**
   * Lets the worker read what was sent, then closes without a report. A worker that is still opening its engine is told
   * why, if there is a reason not to come back.
   */
  async end(farewell: string | undefined): Promise<void> {
    this.#session = undefined;
    if (farewell !== undefined && (this.#phase === "opening" || this.#phase === "classifying"))
      this.#send({ kind: "stop", reason: farewell });
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    const ended = new Promise<void>((resolve) => this.#socket.once("close", () => resolve()));
    this.close("the coordinator ends");
    await ended;
  }

  #take(data: Buffer): void {
    this.#alive.heard();
    if (this.#phase === "closed") return;
    let message: ToCoordinator;
    try {
      message = toCoordinator.decode(data);
    } catch (error) {
      if (!(error instanceof BabelgradError)) throw error;
      return this.#refuse(error);
    }
    if (this.#phase === "ready" && this.#session !== undefined && message.kind !== "hello" && message.kind !== "classified")
      this.#options.handlers.onMessage(this.#session, message);
    else if (this.#phase === "hello" && message.kind === "hello") void this.#greet(message);
    else if (this.#phase === "opening" && message.kind === "classified") void this.#classify(message.numericClass);
    else if (message.kind !== "heartbeat") this.close(`${message.kind} out of turn`);
  }

  async #greet(hello: Hello): Promise<void> {
    this.#phase = "greeting";
    try {
      checkVersion(hello);
      const holder = this.#options.holderOf(hello.worker);
      // The same process connects again from the same address; another one may take the place of one that is gone.
      if (holder !== undefined && holder.peerAddress !== hello.peerAddress && (await holder.answers()))
        throw new BabelgradError("worker-name-taken", `a worker ${hello.worker} is connected already, at ${holder.peerAddress}`);
      if (this.#phase !== "greeting") return;
      const greeting = await this.#options.handlers.onHello(hello);
      if (this.#phase !== "greeting") return;
      this.#hello = hello;
      this.#options.greeted(hello.worker);
      const { heartbeatMs, timeoutMs } = this.#options;
      this.#phase = "opening";
      this.#send({ kind: "welcome", ...greeting, heartbeatMs, timeoutMs });
    } catch (error) {
      if (!(error instanceof BabelgradError)) throw error;
      this.#refuse(error);
    }
  }

  async #classify(numericClass: string): Promise<void> {
    const hello = this.#hello;
    if (hello === undefined) return;
    this.#phase = "classifying";
    try {
      await this.#options.handlers.onClassified(hello.worker, numericClass);
      if (this.#phase !== "classifying") return;
      this.#phase = "ready";
      // From here on the cluster machine watches for silence.
      this.#alive.stop();
      this.#alive = this.#keepAlive(undefined);
      this.#send({ kind: "admitted" });
      const { worker, peerAddress } = hello;
      this.#session = {
        worker,
        peerAddress,
        send: (message) => this.#send(this.#options.route(message, worker)),
        close: (reason) => this.close(reason),
      };
      this.#options.handlers.onReady(this.#session);
    } catch (error) {
      if (!(error instanceof BabelgradError)) throw error;
      this.#refuse(error);
    }
  }

  #keepAlive(lost: (() => void) | undefined): KeepAlive {
    const { heartbeatMs, timeoutMs } = this.#options;
    return keepAlive({ heartbeatMs, timeoutMs, beat: () => this.#send({ kind: "heartbeat" }), lost });
  }

  #refuse(error: BabelgradError): void {
    if (this.#phase === "closed") return;
    this.#send({ kind: "refused", code: error.code, message: error.message, todo: error.todo });
    this.close(error.code);
  }

  #send(message: ToWorker): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(toWorker.encode(message));
    if (this.#socket.bufferedAmount > waitingBytesMax) this.#socket.terminate();
  }
}

function checkVersion(hello: Hello): void {
  if (hello.protocolVersion !== protocolVersion || hello.schemaSha256 !== schemaSha256)
    throw new BabelgradError(
      "version-mismatch",
      `Worker ${hello.worker} (babelgrad ${hello.softwareVersion}) speaks protocol ${hello.protocolVersion}, schema ${hello.schemaSha256.slice(0, 8)}…; ` +
        `this coordinator protocol ${protocolVersion}, schema ${schemaSha256.slice(0, 8)}….`,
    );
  if (!isWorkerId(hello.worker)) throw new BabelgradError("message-malformed", `“${hello.worker}” cannot be the id of a worker.`);
}
