/**
 * Links between the members of a generation: of each pair the lower id dials. A link outlives the generation while
 * both stay members. Both sides show a ticket of the coordinator in the headers of the upgrade, so that nothing of a
 * stranger is ever read as a frame; a side that does not know the generation yet lets the other wait for the plan.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { assert, present } from "../../base/assert.ts";
import { compareGenerations, type Generation, noGeneration, type Step, type WorkerId, workerId } from "../../base/ids.ts";
import { type FrameLayout, frameBytesMax } from "../../wire/frames.ts";
import type { Route, Ticket } from "../../wire/handshake.ts";
import { answer, closeServer, credential, isBrowser, listenOn, refuseUpgrade } from "../../wire/io/http-server.ts";
import { type StateSource, sendState } from "../../wire/io/state-transfer.ts";
import { answerStatus, type StatusPages } from "../../wire/io/status-pages.ts";
import { sameSecret } from "../../wire/io/tickets.ts";
import type { Frame } from "../../wire/messages.ts";
import { PeerLink, type PeerLinkOptions } from "./peer-link.ts";

export interface PeerMeshOptions {
  readonly self: WorkerId;
  /** Address to listen on; other workers are told this one, or `advertise`. */
  readonly host: string;
  readonly advertise?: string;
  readonly port?: number;
  readonly onFrame: (from: WorkerId, frame: Frame<Float32Array>) => void;
  readonly onExchanged: PeerLinkOptions["onExchanged"];
  /** Frames reach this member from now on: everything of the step has to be sent (again). */
  readonly onLinkUp: (peer: WorkerId) => void;
  /** A link broke, or could not be opened for `timeoutMs`. It is opened again for as long as both are members. */
  readonly onLinkDown: (peer: WorkerId, reason: string) => void;
  /** Somebody was turned away at the door: for the log. */
  readonly onIntruder?: (reason: string) => void;
  /** What this worker tells everybody about itself. */
  readonly status: StatusPages;
}

/** What a worker learns from the welcome and its engine, after the mesh listens. */
export interface MeshSettings {
  readonly layout: FrameLayout;
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
}

const helloBytesMax = 2048;
const patienceMs = 5000;
const waitingMax = 256;
const firstPauseMs = 50;
const longestPauseMs = 2000;
const headers = { from: "x-babelgrad-from", to: "x-babelgrad-to", generation: "x-babelgrad-generation", ticket: "x-babelgrad-ticket" };

/** Nobody between two workers reads unencrypted frames for caches to be poisoned; masks of zeros cost nothing. */
const noMask = (mask: Buffer): void => {
  mask.fill(0);
};

interface Peer {
  route: Route;
  link: PeerLink | undefined;
  dialing: WebSocket | undefined;
  pauseMs: number;
  redial: NodeJS.Timeout | undefined;
  overdue: NodeJS.Timeout | undefined;
  isReportedDown: boolean;
  lastReason: string;
}

interface Knock {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly deadline: NodeJS.Timeout;
  readonly hungUp: () => void;
}

/** Throws `port-taken`. */
export async function openPeerMesh(options: PeerMeshOptions): Promise<PeerMesh> {
  const mesh = new PeerMesh(options);
  await mesh.listen();
  return mesh;
}

export class PeerMesh {
  readonly #options: PeerMeshOptions;
  readonly #http = createServer({ maxHeaderSize: helloBytesMax, headersTimeout: patienceMs, connectionsCheckingInterval: 1000 });
  readonly #peers = new Map<WorkerId, Peer>();
  readonly #waiting = new Set<Knock>();
  readonly #offers = new Set<{ readonly step: Step; readonly ticket: Ticket; readonly source: StateSource }>();
  #sockets: WebSocketServer | undefined;
  #settings: MeshSettings | undefined;
  #generation: Generation = noGeneration;
  #port = 0;
  #isClosed = false;

  constructor(options: PeerMeshOptions) {
    this.#options = options;
    this.#http.on("request", (request, response) => void this.#answer(request, response));
    this.#http.on("upgrade", (request, socket, head) => this.#hear(request, socket, head));
  }

  async listen(): Promise<void> {
    this.#port = await listenOn(this.#http, this.#options.host, this.#options.port ?? 0);
  }

  /** Where other workers reach this one: host:port. */
  get address(): string {
    const host = this.#options.advertise ?? this.#options.host;
    return `${host.includes(":") ? `[${host}]` : host}:${this.#port}`;
  }

  /** Before the first setRoutes. */
  configure(settings: MeshSettings): void {
    this.#settings = settings;
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: frameBytesMax(settings.layout),
    });
    this.#sockets.on("headers", (lines: string[], request: IncomingMessage) => {
      const peer = this.#peers.get(workerId(headerOf(request, headers.from)));
      lines.push(`${headers.ticket}: ${present(peer, "a member was let in").route.present}`);
    });
  }

  /** Keeps links to these members and to no other. Frames of older generations that wait are dropped. */
  setRoutes(generation: Generation, routes: readonly Route[]): void {
    const { timeoutMs } = this.#configured();
    this.#generation = generation;
    const wanted = new Set(routes.map(({ peer }) => peer));
    for (const id of [...this.#peers.keys()]) if (!wanted.has(id)) this.#remove(id, "it is no longer a member");
    for (const route of routes) {
      const known = this.#peers.get(route.peer);
      if (known === undefined) {
        const peer: Peer = {
          route,
          link: undefined,
          dialing: undefined,
          pauseMs: firstPauseMs,
          redial: undefined,
          overdue: undefined,
          isReportedDown: false,
          lastReason: "it did not come",
        };
        this.#peers.set(route.peer, peer);
      } else {
        const hasMoved = known.route.address !== route.address;
        known.route = route;
        known.link?.dropBefore(generation);
        if (hasMoved) known.link?.close("it has another address now");
      }
      const peer = present(this.#peers.get(route.peer), "just set");
      if (peer.link === undefined) {
        if (!peer.isReportedDown) peer.overdue ??= setTimeout(() => this.#reportDown(peer, peer.lastReason), timeoutMs);
        peer.pauseMs = firstPauseMs;
        this.#dial(peer);
      }
    }
    for (const knock of [...this.#waiting]) this.#open(knock);
  }

  /** Links that are open. */
  get links(): number {
    return [...this.#peers.values()].filter(({ link }) => link !== undefined).length;
  }

  /** Queues the frame; dropped when there is no link. Its values must not change until `forget` of its step resolves. */
  send(to: WorkerId, frame: Frame<Float32Array>): void {
    this.#peers.get(to)?.link?.send(frame);
  }

  /** A step is committed: drops what waits of it and before. When it resolves, the memory may be used again. */
  async forget(step: Step): Promise<void> {
    await Promise.all([...this.#peers.values()].map(({ link }) => link?.forget(step) ?? Promise.resolve()));
  }

  /** A frame of this member was not one that the plan allows: closes the link, which is then opened again. */
  refuse(peer: WorkerId, reason: string): void {
    this.#peers.get(peer)?.link?.close(reason);
  }

  /** Lets whoever has the ticket get this state; the result takes the offer back. */
  offerState(step: Step, ticket: Ticket, source: StateSource): () => void {
    const offer = { step, ticket, source };
    this.#offers.add(offer);
    return () => this.#offers.delete(offer);
  }

  /** Without reports. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const id of [...this.#peers.keys()]) this.#remove(id, "this worker leaves");
    for (const knock of this.#waiting) this.#turnAway(knock, 503, "this worker leaves");
    await closeServer(this.#http);
  }

  // ---- dialling

  #dial(peer: Peer): void {
    const { self } = this.#options;
    const { route } = peer;
    if (self > route.peer) return;
    const settings = this.#configured();
    this.#stopDialing(peer);
    const clientOptions: ClientOptions & { generateMask: (mask: Buffer) => void } = {
      headers: {
        authorization: `Ticket ${route.present}`,
        [headers.from]: self,
        [headers.to]: route.peer,
        [headers.generation]: `${this.#generation.term}.${this.#generation.count}`,
      },
      handshakeTimeout: patienceMs + settings.timeoutMs,
      perMessageDeflate: false,
      maxPayload: frameBytesMax(settings.layout),
      generateMask: noMask,
    };
    const socket = new WebSocket(`ws://${route.address}/peer`, clientOptions);
    peer.dialing = socket;
    const failed = (reason: string): void => {
      if (peer.dialing !== socket) return;
      peer.lastReason = reason;
      this.#stopDialing(peer);
      this.#redialLater(peer);
    };
    let stream: Duplex | undefined;
    let isTrusted = false;
    socket.on("upgrade", (response) => {
      stream = response.socket;
      isTrusted = sameSecret(headerOf(response, headers.ticket), route.expect);
    });
    socket.on("open", () => {
      if (peer.dialing !== socket) return;
      if (!isTrusted || stream === undefined) return failed("it shows a wrong ticket");
      peer.dialing = undefined;
      this.#attach(peer, socket, stream);
    });
    socket.on("unexpected-response", (_request, response) => {
      failed(`it answers ${response.statusCode}`);
      response.destroy();
    });
    socket.on("error", (error) => failed(error.message));
    socket.on("close", () => failed("it hung up"));
  }

  #redialLater(peer: Peer): void {
    if (this.#isClosed || this.#options.self > peer.route.peer) return;
    peer.redial = setTimeout(() => this.#dial(peer), peer.pauseMs * (0.5 + Math.random() / 2));
    peer.pauseMs = Math.min(longestPauseMs, 2 * peer.pauseMs);
  }

  #stopDialing(peer: Peer): void {
    clearTimeout(peer.redial);
    const { dialing } = peer;
    peer.dialing = undefined;
    dialing?.on("error", () => {}); // ended before it was open
    dialing?.terminate();
  }

  // ---- being dialled

  #hear(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isClosed) return refuseUpgrade(socket, 503, "this worker leaves");
    const knock: Knock = {
      request,
      socket,
      head,
      deadline: setTimeout(() => this.#turnAway(knock, 503, "no plan of this generation came"), patienceMs),
      hungUp: () => this.#turnAway(knock, 400, "it hung up"),
    };
    this.#waiting.add(knock);
    socket.on("error", knock.hungUp).on("close", knock.hungUp);
    if (isBrowser(request)) this.#turnAway(knock, 403, "a browser asked for a link");
    else if (request.url !== "/peer") this.#turnAway(knock, 404, "workers link at /peer");
    else if (this.#waiting.size > waitingMax) this.#turnAway(knock, 503, "too many ask for a link");
    else this.#open(knock);
  }

  /** Opens the door, keeps it shut, or lets wait for the plan. */
  #open(knock: Knock): void {
    const { request, socket, head } = knock;
    const from = workerId(headerOf(request, headers.from));
    if (headerOf(request, headers.to) !== this.#options.self) return this.#turnAway(knock, 403, `${from} looks for another worker`);
    const generation = parseGeneration(headerOf(request, headers.generation));
    if (generation === undefined) return this.#turnAway(knock, 400, `${from} names no generation`);
    const age = compareGenerations(generation, this.#generation);
    if (age > 0) return;
    if (age < 0) return this.#turnAway(knock, 409, `${from} comes with an older generation`);
    const peer = this.#peers.get(from);
    const isExpected = peer !== undefined && from < this.#options.self;
    if (!isExpected || !sameSecret(credential(request, "Ticket") ?? "", peer.route.expect))
      return this.#turnAway(knock, 403, `${from} shows no ticket of this generation`);
    this.#waiting.delete(knock);
    clearTimeout(knock.deadline);
    socket.off("error", knock.hungUp).off("close", knock.hungUp);
    present(this.#sockets, "routes come after configure").handleUpgrade(request, socket, head, (webSocket) => {
      this.#attach(peer, webSocket, socket);
    });
  }

  #turnAway(knock: Knock, status: number, reason: string): void {
    if (!this.#waiting.delete(knock)) return;
    clearTimeout(knock.deadline);
    refuseUpgrade(knock.socket, status, reason);
    this.#options.onIntruder?.(reason);
  }

  // ---- links

  #attach(peer: Peer, socket: WebSocket, stream: Duplex): void {
    const { onFrame, onLinkUp, onExchanged } = this.#options;
    const id = peer.route.peer;
    peer.link?.close("a newer link takes its place");
    this.#stopDialing(peer);
    clearTimeout(peer.overdue);
    peer.overdue = undefined;
    peer.isReportedDown = false;
    peer.pauseMs = firstPauseMs;
    const link = new PeerLink(socket, stream, {
      ...this.#configured(),
      onFrame: (frame) => onFrame(id, frame),
      onExchanged,
      onClosed: (reason) => {
        peer.link = undefined;
        if (this.#isClosed || this.#peers.get(id) !== peer) return;
        this.#reportDown(peer, reason);
        this.#redialLater(peer);
      },
    });
    peer.link = link;
    onLinkUp(id);
  }

  #reportDown(peer: Peer, reason: string): void {
    peer.isReportedDown = true;
    this.#options.onLinkDown(peer.route.peer, reason);
  }

  #remove(id: WorkerId, reason: string): void {
    const peer = present(this.#peers.get(id), `${id} is a peer`);
    this.#peers.delete(id);
    clearTimeout(peer.overdue);
    this.#stopDialing(peer);
    peer.link?.close(reason);
  }

  #configured(): MeshSettings {
    assert(this.#settings !== undefined, "the mesh is configured before it has routes");
    return this.#settings;
  }

  // ---- status, and states for joiners

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (isBrowser(request)) return answer(response, 403, "not for browsers");
    if (await answerStatus(request, response, this.#options.status)) return;
    const step = request.method === "GET" ? /^\/state\/(\d{1,10})$/.exec(request.url ?? "")?.[1] : undefined;
    const ticket = credential(request, "Ticket") ?? "";
    const offer = [...this.#offers].find((one) => one.step === Number(step) && sameSecret(one.ticket, ticket));
    await (offer === undefined ? answer(response, 404, "no such state for this ticket") : sendState(response, offer.source));
  }
}

function headerOf(message: IncomingMessage, name: string): string {
  const value = message.headers[name];
  return typeof value === "string" ? value : "";
}

function parseGeneration(text: string): Generation | undefined {
  const match = /^(\d{1,10})\.(\d{1,10})$/.exec(text);
  return match === null ? undefined : { term: Number(match[1]), count: Number(match[2]) };
}
