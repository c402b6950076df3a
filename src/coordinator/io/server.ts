/**
 * The coordinator's port: control connections of workers, the prepared data, and states on their way in and out.
 * What it answers is decided by handlers; what it knows itself is who is connected, and therefore how members reach
 * each other: it adds routes and tickets to the messages that need them.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { WebSocketServer } from "ws";
import { BabelgradError } from "../../base/errors.ts";
import { type Step, type WorkerId, workerId } from "../../base/ids.ts";
import type { RoutedMessage } from "../../wire/handshake.ts";
import { atMost } from "../../wire/io/deadline.ts";
import { answer, closeServer, credential, isBrowser, listenOn, refuseUpgrade } from "../../wire/io/http-server.ts";
import { receive, type StateSink, type StateSource, sendState } from "../../wire/io/state-transfer.ts";
import { answerStatus, type StatusPages, statusServer } from "../../wire/io/status-pages.ts";
import { linkTicket, sameSecret, stateTicket } from "../../wire/io/tickets.ts";
import type { CoordinatorMessage } from "../../wire/messages.ts";
import { type SessionHandlers, WorkerConnection } from "./worker-connection.ts";

export interface ServerHandlers extends SessionHandlers {
  isHealthy(): boolean;
  isReady(): boolean;
  /** What /metrics answers. */
  metrics(): Promise<string>;
  /** Path of a file of the prepared data; undefined: the manifest names no such file. */
  dataFile(name: string): string | undefined;
  /** A stored state that joiners may get. */
  stateSource(step: Step): StateSource | undefined;
  /** Where a state that was asked of this worker goes; undefined: none was. */
  stateSink(step: Step, worker: WorkerId): StateSink | undefined | Promise<StateSink | undefined>;
}

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where the status pages are served as well; 0: nowhere else. */
  readonly statusPort: number;
  readonly token: string;
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  readonly handlers: ServerHandlers;
}

export interface CoordinatorServer {
  readonly port: number;
  /**
   * Says what was sent, closes every connection, frees the port. Sessions are not reported gone any more. Workers that
   * are not ready yet are told the farewell; without one they come back.
   */
  close(farewell?: string): Promise<void>;
}

/** A worker's control message is small; only samples and tallies grow. */
const messageBytesMax = 4 * 1024 * 1024;
const closeDeadlineMs = 2000;

/** Throws `port-taken`, which names the option of the port. */
export async function listen(options: ServerOptions): Promise<CoordinatorServer> {
  const { handlers, token } = options;
  const secret = randomBytes(32);
  const connections = new Set<WorkerConnection>();
  const byWorker = new Map<WorkerId, WorkerConnection>();
  const pages: StatusPages = {
    metrics: () => handlers.metrics(),
    isHealthy: () => handlers.isHealthy(),
    isReady: () => handlers.isReady(),
    targets: () => [...byWorker.values()].flatMap(({ worker, peerAddress: address }) => (worker && address ? [{ worker, address }] : [])),
  };
  const status = options.statusPort === 0 ? undefined : statusServer(pages);
  const http = createServer((request, response) => void handle(request, response));
  http.on("checkContinue", (request, response) => void handle(request, response));
  const sockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false, maxPayload: messageBytesMax });

  http.on("upgrade", (request, socket, head) => {
    if (isBrowser(request)) return refuseUpgrade(socket, 403, "not for browsers");
    if (request.url !== "/control") return refuseUpgrade(socket, 404, "workers connect to /control");
    if (!isAuthorized(request)) return refuseUpgrade(socket, 401, "wrong token");
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new WorkerConnection(webSocket, {
        ...options,
        route: (message, to) => route(message, to),
        holderOf: (worker) => byWorker.get(worker),
        greeted: (worker) => {
          const before = byWorker.get(worker);
          byWorker.set(worker, connection);
          before?.close("the worker connected anew");
        },
        closed: () => {
          connections.delete(connection);
          const { worker } = connection;
          if (worker !== undefined && byWorker.get(worker) === connection) byWorker.delete(worker);
        },
      });
      connections.add(connection);
    });
  });

  function isAuthorized(request: IncomingMessage): boolean {
    return sameSecret(credential(request, "Bearer") ?? "", token);
  }

  /** The message with what only the server knows: addresses, and tickets made with its secret. */
  function route(message: CoordinatorMessage, to: WorkerId): RoutedMessage {
    switch (message.kind) {
      case "plan": {
        const others = message.members.map(({ worker }) => worker).filter((worker) => worker !== to);
        const isMember = others.length < message.members.length;
        const routes = (isMember ? others : []).flatMap((peer) => {
          const address = byWorker.get(peer)?.peerAddress;
          if (address === undefined) return []; // it has just gone, and the next plan will say so
          const { generation } = message;
          return [{ peer, address, present: linkTicket(secret, to, peer, generation), expect: linkTicket(secret, peer, to, generation) }];
        });
        return { ...message, routes };
      }
      case "load": {
        const address = message.donor === undefined ? undefined : byWorker.get(message.donor)?.peerAddress;
        if (message.donor === undefined || address === undefined) return { ...message, source: undefined };
        return { ...message, source: { address, ticket: stateTicket(secret, message.donor, to, message.position) } };
      }
      case "serve":
        return { ...message, ticket: message.receiver && stateTicket(secret, to, message.receiver, message.position) };
      default:
        return message;
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = parseUrl(request.url);
    if (url === undefined) return answer(response, 400, "not a path");
    const [room, name, ...more] = url.path;
    if (isBrowser(request)) return answer(response, 403, "not for browsers");
    if (await answerStatus(request, response, pages)) return;
    if (!isAuthorized(request)) return answer(response, 401, "wrong token");
    if (name === undefined || more.length > 0) return answer(response, 404, "not here");
    if (room === "data" && request.method === "GET") return sendFile(response, handlers.dataFile(name));
    const step = /^\d{1,10}$/.test(name) ? Number(name) : undefined;
    if (room !== "state" || step === undefined) return answer(response, 404, "not here");
    if (request.method === "PUT") {
      const sink = await handlers.stateSink(step, workerId(url.query.get("worker") ?? ""));
      return sink === undefined
        ? answer(response, 404, `no state of step ${step} is expected from this worker`)
        : takeState(request, response, sink);
    }
    const source = request.method === "GET" ? handlers.stateSource(step) : undefined;
    return source === undefined ? answer(response, 404, `no state of step ${step}`) : sendState(response, source);
  }

  const port = await listenOn(http, options.host, options.port);
  if (status !== undefined)
    await listenOn(status, options.host, options.statusPort, "metrics.port").catch(async (error: unknown) => {
      await closeServer(http);
      throw error;
    });
  return {
    port,
    async close(farewell) {
      // Nobody new comes in first: a worker that is cut off while it opens its engine would be back at once.
      const closed = new Promise((resolve) => http.close(resolve));
      while (connections.size > 0) await Promise.all([...connections].map((connection) => connection.end(farewell)));
      http.closeAllConnections();
      await atMost(closeDeadlineMs, closed);
      if (status !== undefined) await closeServer(status);
    },
  };
}

/** The path's segments, decoded, and the query. */
function parseUrl(text = "/"): { readonly path: readonly string[]; readonly query: URLSearchParams } | undefined {
  const [path = "", query] = text.split("?", 2);
  try {
    return { path: path.slice(1).split("/").map(decodeURIComponent), query: new URLSearchParams(query) };
  } catch {
    return undefined;
  }
}

async function sendFile(response: ServerResponse, path: string | undefined): Promise<void> {
  if (path === undefined) return answer(response, 404, "the manifest names no such file");
  try {
    const { size } = await stat(path);
    response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size });
    await pipeline(createReadStream(path), response);
  } catch {
    // Unreadable, or the worker has left: it sees too few bytes and asks again.
    if (response.headersSent) response.destroy();
    else answer(response, 500, "the file cannot be read");
  }
}

async function takeState(request: IncomingMessage, response: ServerResponse, sink: StateSink): Promise<void> {
  try {
    await receive(request, sink, () => {
      if (request.headers.expect !== undefined) response.writeContinue();
    });
    response.writeHead(204).end();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    await sink.abandon(reason);
    if (!response.destroyed) answer(response, cause instanceof BabelgradError ? 500 : 422, reason);
  }
}
