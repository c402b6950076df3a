/**
 * A worker's connection to the coordinator: kept open until the worker is told to stop or refused for good. A lost
 * connection is opened again with growing, jittered pauses, since the coordinator may be starting again.
 */
import { WebSocket } from "ws";
import { BabelgradError, type ErrorCode, errors } from "../../base/errors.ts";
import type { Phase } from "../../telemetry/phase.ts";
import type { Hello, Refused, RoutedMessage, ToCoordinator, ToWorker, Welcome } from "../../wire/handshake.ts";
import { toCoordinator, toWorker } from "../../wire/io/control-codec.ts";
import { type KeepAlive, keepAlive } from "../../wire/io/keep-alive.ts";
import type { WorkerMessage } from "../../wire/messages.ts";
import { protocolVersion, schemaSha256 } from "../../wire/version.ts";

export interface ControlLinkOptions {
  /** Of the coordinator: ws://HOST:PORT */
  readonly url: string;
  readonly token: string;
  readonly hello: Omit<Hello, "kind" | "protocolVersion" | "schemaSha256">;
  /** What the worker spends its time on; each heartbeat says it. */
  readonly phase: () => Phase;
  /** Opens the engine and resolves to its numeric class as JSON. Asked on every connection: open it once. */
  readonly classify: (welcome: Welcome) => Promise<string>;
  /** The coordinator has admitted this worker, on a first or a new connection. */
  readonly onConnected: (welcome: Welcome) => void;
  readonly onMessage: (message: RoutedMessage) => void;
  /** The connection is lost or could not be opened; the next attempt follows. */
  readonly onGone: (reason: string) => void;
  /** There will be no further attempt: refused, or `classify` failed. */
  readonly onGivenUp: (error: Error) => void;
}

export interface ControlLink {
  /** Dropped while there is no admitted connection: the worker reports everything anew after each. */
  send(message: WorkerMessage): void;
  /** Lets what was sent go out, then closes. */
  close(): Promise<void>;
}

/** Plans of large clusters and manifests of many languages are the largest messages. */
const messageBytesMax = 256 * 1024 * 1024;
const firstPauseMs = 100;
const longestPauseMs = 2000;
/** Until the welcome says what the run uses. */
const beforeWelcome = { heartbeatMs: 1000, timeoutMs: 10_000 };

export function openControlLink(options: ControlLinkOptions): ControlLink {
  let socket: WebSocket | undefined;
  let isAdmitted = false;
  let isOver = false;
  let pauseMs = firstPauseMs;
  let timer: NodeJS.Timeout | undefined;

  function connect(): void {
    const opened = new WebSocket(new URL("/control", options.url), {
      headers: { authorization: `Bearer ${options.token}` },
      handshakeTimeout: beforeWelcome.timeoutMs,
      perMessageDeflate: false,
      maxPayload: messageBytesMax,
    });
    socket = opened;
    let alive: KeepAlive | undefined;
    let reason: string | undefined;
    const send = (message: ToCoordinator): void => {
      if (opened.readyState === WebSocket.OPEN) opened.send(toCoordinator.encode(message));
    };
    const keep = (timing: { readonly heartbeatMs: number; readonly timeoutMs: number }): void => {
      alive?.stop();
      alive = keepAlive({
        ...timing,
        beat: () => send({ kind: "heartbeat", phase: options.phase() }),
        lost: () => {
          reason = `nothing was heard for ${timing.timeoutMs} ms`;
          opened.terminate();
        },
      });
    };

    opened.on("open", () => {
      keep(beforeWelcome);
      send({ kind: "hello", protocolVersion, schemaSha256, ...options.hello });
    });
    opened.on("unexpected-response", (_request, response) => {
      reason = `it answers ${response.statusCode}${response.statusCode === 404 ? ", as if it were no coordinator" : ""}`;
      opened.terminate();
      if (response.statusCode === 401)
        giveUp(new BabelgradError("wrong-token", `The coordinator at ${options.url} refuses this worker's token.`));
    });
    opened.on("error", (error) => {
      reason ??= error.message;
    });
    opened.on("close", () => {
      alive?.stop();
      isAdmitted = false;
      if (isOver) return;
      options.onGone(reason ?? "the connection was closed");
      timer = setTimeout(connect, pauseMs * (0.5 + Math.random() / 2));
      pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
    });

    let welcome: Welcome | undefined;
    opened.on("message", (data: Buffer) => {
      alive?.heard();
      if (isOver) return;
      const message = decode(data);
      if (message === undefined || !isInTurn(message, welcome !== undefined)) {
        reason = message === undefined ? "it does not speak the protocol" : `${message.kind} out of turn`;
        opened.terminate();
      } else if (message.kind === "welcome") {
        welcome = message;
        keep(message);
        options.classify(message).then(
          (numericClass) => send({ kind: "classified", numericClass }),
          (error: unknown) => giveUp(error instanceof Error ? error : new Error(String(error))),
        );
      } else if (message.kind === "refused") giveUp(refusal(message));
      else if (message.kind === "admitted" && welcome !== undefined) {
        isAdmitted = true;
        pauseMs = firstPauseMs;
        options.onConnected(welcome);
      } else if (message.kind !== "heartbeat" && message.kind !== "admitted") options.onMessage(message);
    });
  }

  function giveUp(error: Error): void {
    if (isOver) return;
    isOver = true;
    socket?.terminate();
    options.onGivenUp(error);
  }

  connect();
  return {
    send(message) {
      if (isAdmitted && socket?.readyState === WebSocket.OPEN) socket.send(toCoordinator.encode(message));
    },
    close() {
      isOver = true;
      clearTimeout(timer);
      const closing = socket;
      if (closing === undefined || closing.readyState === WebSocket.CLOSED) return Promise.resolve();
      return new Promise((resolve) => {
        const cut = setTimeout(() => closing.terminate(), 1000);
        closing.once("close", () => {
          clearTimeout(cut);
          resolve();
        });
        closing.close();
      });
    },
  };
}

function decode(data: Buffer): ToWorker | undefined {
  try {
    return toWorker.decode(data);
  } catch (error) {
    if (!(error instanceof BabelgradError)) throw error;
    return undefined;
  }
}

function isInTurn(message: ToWorker, isWelcome: boolean): boolean {
  if (message.kind === "refused" || message.kind === "heartbeat") return true;
  return (message.kind === "welcome") !== isWelcome;
}

function refusal(message: Refused): BabelgradError {
  const isKnown = (code: string): code is ErrorCode => Object.hasOwn(errors, code);
  return isKnown(message.code)
    ? new BabelgradError(message.code, message.message)
    : new BabelgradError("refused", `${message.code}: ${message.message}`, { todo: message.todo });
}
