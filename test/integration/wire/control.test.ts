/** Coordinator server and control link, over real loopback sockets. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { BabelgradError } from "../../../src/base/errors.ts";
import { type Digest, type RunId, workerId } from "../../../src/base/ids.ts";
import { type CoordinatorServer, listen, type ServerHandlers } from "../../../src/coordinator/io/server.ts";
import type { Session } from "../../../src/coordinator/io/worker-connection.ts";
import type { RoutedMessage } from "../../../src/wire/handshake.ts";
import { toCoordinator, toWorker } from "../../../src/wire/io/control-codec.ts";
import { fetchState, putState, type StateSink, sinkInto, sourceOf } from "../../../src/wire/io/state-transfer.ts";
import type { WorkerMessage } from "../../../src/wire/messages.ts";
import { protocolVersion, schemaSha256 } from "../../../src/wire/version.ts";
import { type ControlLink, openControlLink } from "../../../src/worker/io/control-link.ts";
import { Inbox } from "./inbox.ts";

const token = "a token";
const position = { step: 3, lineage: "ab".repeat(32) as Digest };
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type ServerEvent =
  | { kind: "ready"; session: Session }
  | { kind: "message"; worker: string; message: WorkerMessage }
  | { kind: "gone"; worker: string; reason: string };

async function startServer(handlers: Partial<ServerHandlers> = {}, port = 0, timeoutMs = 5000) {
  const events = new Inbox<ServerEvent>();
  const server: CoordinatorServer = await listen({
    host: "127.0.0.1",
    port,
    statusPort: 0,
    token,
    heartbeatMs: 50,
    timeoutMs,
    handlers: {
      onHello: () => ({ term: 1, runId: "run" as RunId, config: "{}", manifest: "{}", start: "{}" }),
      onClassified: () => {},
      onReady: (session) => events.put({ kind: "ready", session }),
      onMessage: (session, message) => {
        if (message.kind !== "heartbeat") events.put({ kind: "message", worker: session.worker, message });
      },
      onGone: (session, reason) => events.put({ kind: "gone", worker: session.worker, reason }),
      isHealthy: () => true,
      isReady: () => false,
      metrics: async () => "",
      dataFile: () => undefined,
      stateSource: () => undefined,
      stateSink: () => undefined,
      ...handlers,
    },
  });
  closers.push(() => server.close());
  const address = `127.0.0.1:${server.port}`;
  return { server, events, address, url: `ws://${address}` };
}

type WorkerEvent =
  | { kind: "connected" }
  | { kind: "message"; message: RoutedMessage }
  | { kind: "gone"; reason: string }
  | { kind: "givenUp"; error: Error };

function startWorker(url: string, id: string, options: { token?: string; classify?: () => Promise<string>; peerAddress?: string } = {}) {
  const events = new Inbox<WorkerEvent>();
  const link: ControlLink = openControlLink({
    url,
    token: options.token ?? token,
    hello: { worker: workerId(id), peerAddress: options.peerAddress ?? `${id}.example:1`, softwareVersion: "0.1.0" },
    phase: () => "data",
    classify: options.classify ?? (async () => '{"digest":"c"}'),
    onConnected: () => events.put({ kind: "connected" }),
    onMessage: (message) => events.put({ kind: "message", message }),
    onGone: (reason) => events.put({ kind: "gone", reason }),
    onGivenUp: (error) => events.put({ kind: "givenUp", error }),
  });
  closers.push(() => link.close());
  return { link, events };
}

async function givenUp(events: Inbox<WorkerEvent>): Promise<BabelgradError> {
  const { error } = await events.take("givenUp");
  if (!(error instanceof BabelgradError)) throw error;
  return error;
}

function get(address: string, path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(`http://${address}${path}`, { headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    })
      .on("error", reject)
      .end();
  });
}

function bytesOf(vectors: readonly Float32Array<ArrayBuffer>[]): Buffer {
  return Buffer.concat(vectors.map((vector) => Buffer.from(vector.buffer)));
}

describe("a worker at the coordinator's door", () => {
  it("with the token: admitted, and messages go both ways", async () => {
    const { events, url } = await startServer();
    const worker = startWorker(url, "a");
    await worker.events.take("connected");
    const { session } = await events.take("ready");
    expect([session.worker, session.peerAddress]).toEqual(["a", "a.example:1"]);
    session.send({ kind: "sample", position });
    expect((await worker.events.take("message")).message).toEqual({ kind: "sample", position });
    worker.link.send({ kind: "linkDown", peer: workerId("b") });
    expect(await events.take("message")).toMatchObject({ worker: "a", message: { kind: "linkDown", peer: "b" } });
  });

  it("with another token: wrong-token, and it gives up", async () => {
    const { url } = await startServer();
    expect((await givenUp(startWorker(url, "a", { token: "another" }).events)).code).toBe("wrong-token");
  });

  it("of another version: version-mismatch that names both", async () => {
    const { url } = await startServer();
    const socket = new WebSocket(`${url}/control`, { headers: { authorization: `Bearer ${token}` } });
    socket.on("open", () => {
      const hello = { worker: workerId("a"), peerAddress: "a:1", softwareVersion: "9.9.9" };
      socket.send(toCoordinator.encode({ kind: "hello", protocolVersion: protocolVersion + 1, schemaSha256, ...hello }));
    });
    const answer = await new Promise<Buffer>((resolve) => socket.on("message", resolve));
    expect(toWorker.decode(answer)).toMatchObject({
      kind: "refused",
      code: "version-mismatch",
      message: expect.stringMatching(
        new RegExp(`a \\(babelgrad 9\\.9\\.9\\) speaks protocol ${protocolVersion + 1}.*this coordinator protocol ${protocolVersion}`),
      ),
    });
  });

  it("of another numeric class: class-differs, and it gives up", async () => {
    const { url } = await startServer({
      onClassified: (_worker, numericClass) => {
        throw new BabelgradError("class-differs", `got ${numericClass}`);
      },
    });
    const error = await givenUp(startWorker(url, "a", { classify: async () => "other" }).events);
    expect([error.code, error.message]).toEqual(["class-differs", "got other"]);
  });

  it("whose engine cannot be opened: gives up with that error", async () => {
    const { url } = await startServer();
    const { events } = startWorker(url, "a", { classify: () => Promise.reject(new Error("no TensorFlow")) });
    expect((await events.take("givenUp")).error.message).toBe("no TensorFlow");
  });

  it("that takes long to open its engine: is not cut off, since heartbeats go on", async () => {
    const { events, url } = await startServer({}, 0, 200);
    // Four timeouts long; both ends count silence in beats of this one process.
    const worker = startWorker(url, "a", { classify: () => sleep(800, "{}") });
    await worker.events.take("connected");
    await events.take("ready");
    expect(worker.events.seen("gone")).toBe(false);
  });

  it("that is a browser: refused before anything is read", async () => {
    const { url, address } = await startServer();
    const socket = new WebSocket(`${url}/control`, { headers: { authorization: `Bearer ${token}` }, origin: "https://example.org" });
    const status = await new Promise((resolve) => socket.on("unexpected-response", (_request, response) => resolve(response.statusCode)));
    socket.on("error", () => {}).terminate();
    expect(status).toBe(403);
    expect((await get(address, "/healthz", { origin: "https://example.org" })).status).toBe(403);
  });

  it.each([
    ["bytes that are no message", () => Buffer.from("hello?")],
    ["a message out of turn", () => toCoordinator.encode({ kind: "leaving" })],
  ])("that sends %s: is cut off", async (_, bytes) => {
    const { url, events } = await startServer();
    const socket = new WebSocket(`${url}/control`, { headers: { authorization: `Bearer ${token}` } });
    socket.on("open", () => socket.send(bytes()));
    await new Promise((resolve) => socket.on("close", resolve));
    expect(events.seen("ready")).toBe(false);
  });

  it("that sends more than any message has: is cut off and reported gone", async () => {
    const { url, events } = await startServer();
    const worker = startWorker(url, "a");
    await worker.events.take("connected");
    worker.link.send({ kind: "sampled", position, samples: [{ language: "en", text: "x".repeat(5_000_000) }] });
    expect(await events.take("gone")).toMatchObject({ worker: "a", reason: expect.stringContaining("payload") });
    await worker.events.take("connected");
  });
});

describe("a connection", () => {
  it("of a worker that connects again: the first is gone before the second is ready", async () => {
    const { events, url } = await startServer();
    await startWorker(url, "a").events.take("connected");
    const { session } = await events.take("ready");
    await startWorker(url, "a").events.take("connected");
    expect(await events.take("gone")).toMatchObject({ worker: "a", reason: "the worker connected anew" });
    expect((await events.take("ready")).session).not.toBe(session);
  });

  it("of another process with the name of a worker that is there: worker-name-taken, and the first goes on", async () => {
    const { events, url } = await startServer();
    const first = startWorker(url, "a");
    await first.events.take("connected");
    const error = await givenUp(startWorker(url, "a", { peerAddress: "elsewhere:2" }).events);
    expect(error).toMatchObject({ code: "worker-name-taken", message: expect.stringContaining("a.example:1") });
    first.link.send({ kind: "linkUp", peer: workerId("b") });
    expect(await events.take("message")).toMatchObject({ worker: "a", message: { kind: "linkUp" } });
  });

  it("of another process with the name of a worker that says nothing any more: takes its place", async () => {
    const { events, url } = await startServer();
    const silent = new WebSocket(`${url}/control`, { headers: { authorization: `Bearer ${token}` } });
    const hello = { worker: workerId("a"), peerAddress: "gone:1", softwareVersion: "0.1.0" };
    const welcomed = new Promise((resolve) => silent.once("message", resolve));
    silent.on("open", () => silent.send(toCoordinator.encode({ kind: "hello", protocolVersion, schemaSha256, ...hello })));
    await welcomed;
    silent.pause();
    await startWorker(url, "a").events.take("connected");
    expect((await events.take("ready")).session.peerAddress).toBe("a.example:1");
    silent.terminate();
  });

  it("of a worker that opens its engine when the run ends: is told so and gives up; without a farewell it comes back", async () => {
    const { server, url } = await startServer();
    let opening: () => void = () => undefined;
    const isOpening = new Promise<void>((resolve) => {
      opening = resolve;
    });
    const worker = startWorker(url, "a", {
      classify: () => {
        opening();
        return new Promise(() => {});
      },
    });
    await isOpening;
    await server.close("the run is finished");
    expect((await worker.events.take("message")).message).toEqual({ kind: "stop", reason: "the run is finished" });
  });

  it("closed by the coordinator: the worker comes back by itself", async () => {
    const { events, url } = await startServer();
    const worker = startWorker(url, "a");
    (await events.take("ready")).session.close("test");
    await worker.events.take("gone");
    await events.take("ready");
  });

  it("to a coordinator that starts again on the same port: opened again", async () => {
    const first = await startServer();
    const worker = startWorker(first.url, "a");
    await worker.events.take("connected");
    await first.server.close();
    await worker.events.take("gone");
    const second = await startServer({}, first.server.port);
    await worker.events.take("connected");
    await second.events.take("ready");
  });

  it("at the end: what was sent before is read", async () => {
    const { server, events, url } = await startServer();
    const worker = startWorker(url, "a");
    const { session } = await events.take("ready");
    session.send({ kind: "stop", reason: "done" });
    await server.close();
    expect((await worker.events.take("message")).message).toEqual({ kind: "stop", reason: "done" });
  });

  it("of a worker that still opens its engine when the coordinator ends: cut off, and its next attempt finds no door", async () => {
    const { server, url } = await startServer();
    // A worker that reads nothing: its connection takes a second to end, time enough for the other to come again.
    const deaf = new WebSocket(`${url}/control`, { headers: { authorization: `Bearer ${token}` } });
    await new Promise((resolve) => deaf.on("open", resolve));
    deaf.pause();
    let asked = 0;
    let begun: () => void = () => undefined;
    const opening = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const worker = startWorker(url, "a", {
      classify: () => {
        asked += 1;
        begun();
        return new Promise(() => undefined);
      },
    });
    await opening;
    await server.close();
    await worker.events.take("gone");
    expect((await worker.events.take("gone")).reason).toMatch("ECONNREFUSED");
    expect(asked).toBe(1);
  });

  it("on a port that is taken: port-taken, with the port", async () => {
    const squatter = createTcpServer();
    await new Promise<void>((resolve) => squatter.listen(0, "127.0.0.1", resolve));
    const { port } = squatter.address() as AddressInfo;
    await expect(startServer({}, port)).rejects.toMatchObject({ code: "port-taken", message: expect.stringContaining(String(port)) });
    squatter.close();
  });
});

describe("a plan on the wire", () => {
  it("two members: each gets the other's address, and tickets that fit", async () => {
    const { events, url } = await startServer();
    const [a, b] = [startWorker(url, "a"), startWorker(url, "b")];
    const sessions = [(await events.take("ready")).session, (await events.take("ready")).session];
    const assignment = (id: string) => ({ worker: workerId(id), leaves: [0], blocks: [] });
    const plan = { kind: "plan", generation: { term: 1, count: 1 }, step: 0, lineage: position.lineage, finishFrom: [] } as const;
    for (const session of sessions) session.send({ ...plan, members: [assignment("a"), assignment("b")] });
    const [atA, atB] = [(await a.events.take("message")).message, (await b.events.take("message")).message];
    if (atA.kind !== "plan" || atB.kind !== "plan") throw new Error("no plan");
    expect(atA.routes).toMatchObject([{ peer: "b", address: "b.example:1" }]);
    expect(atA.routes[0]?.present).toBe(atB.routes[0]?.expect);
    expect(atA.routes[0]?.expect).toBe(atB.routes[0]?.present);
    expect(atA.routes[0]?.expect).not.toBe(atA.routes[0]?.present);
    for (const session of sessions)
      session.send({ ...plan, generation: { term: 1, count: 2 }, members: [assignment("a"), assignment("b")] });
    const next = (await a.events.take("message")).message;
    if (next.kind !== "plan") throw new Error("no plan");
    expect(next.routes[0]?.present).not.toBe(atA.routes[0]?.present);
  });

  it("a state from member to member: both are told the same ticket", async () => {
    const { events, url } = await startServer();
    const [a, b] = [startWorker(url, "a"), startWorker(url, "b")];
    for (const { session } of [await events.take("ready"), await events.take("ready")])
      session.send(
        session.worker === "a" ? { kind: "serve", position, receiver: workerId("b") } : { kind: "load", position, donor: workerId("a") },
      );
    const [serve, load] = [(await a.events.take("message")).message, (await b.events.take("message")).message];
    if (serve.kind !== "serve" || load.kind !== "load") throw new Error("not these");
    expect(load.source).toEqual({ address: "a.example:1", ticket: serve.ticket });
  });
});

describe("HTTP", () => {
  const bearer = { authorization: `Bearer ${token}` };

  it("health and readiness: told to everybody; data: only with the token, and only by name", async () => {
    const path = join(mkdtempSync(join(tmpdir(), "babelgrad-")), "shard");
    writeFileSync(path, "tokens");
    const { address } = await startServer({ dataFile: (name) => (name === "en.train.bin" ? path : undefined) });
    expect((await get(address, "/healthz")).status).toBe(200);
    expect((await get(address, "/readyz")).status).toBe(503);
    expect((await get(address, "/data/en.train.bin")).status).toBe(401);
    expect(await get(address, "/data/en.train.bin", bearer)).toMatchObject({ status: 200, body: Buffer.from("tokens") });
    for (const name of ["other", "..%2f..%2fetc%2fpasswd", "../shard", "%"])
      expect((await get(address, `/data/${name}`, bearer)).status, name).toBeGreaterThanOrEqual(400);
    expect((await get(address, "//", bearer)).status).toBe(404);
  });

  it("a state: comes whole and equal, is asked for again while it is not there yet", async () => {
    const vectors = [Float32Array.from({ length: 300_000 }, (_, i) => i / 7), Float32Array.of(-0, 1e-45, Number.NaN), new Float32Array(0)];
    let asked = 0;
    const { address } = await startServer({ stateSource: (step) => (step === 3 && ++asked > 2 ? sourceOf(vectors) : undefined) });
    const got = vectors.map(({ length }) => new Float32Array(length));
    await fetchState({ address, step: 3, authorization: bearer.authorization }, sinkInto(got));
    expect(bytesOf(got).equals(bytesOf(vectors))).toBe(true);
    await expect(fetchState({ address, step: 3, authorization: "Bearer no" }, sinkInto(got))).rejects.toMatchObject({
      code: "transfer-failed",
    });
  });

  it("a state of another length, or that never comes: transfer-failed, and the sink is abandoned", async () => {
    const { address } = await startServer({ stateSource: (step) => (step === 3 ? sourceOf([new Float32Array(10)]) : undefined) });
    for (const step of [3, 4]) {
      const reasons: string[] = [];
      const sink: StateSink = { ...sinkInto([new Float32Array(11)]), abandon: (reason) => void reasons.push(reason) };
      await expect(fetchState({ address, step, authorization: bearer.authorization }, sink, { patienceMs: 0 })).rejects.toMatchObject({
        code: "transfer-failed",
      });
      expect(reasons).toHaveLength(1);
    }
  });

  it("an upload: written, hash-checked, finished; refused when none was asked for", async () => {
    const source = [Float32Array.from({ length: 200_000 }, Math.sqrt), Float32Array.of(1, 2)];
    const stored = source.map(({ length }) => new Float32Array(length));
    const ends: string[] = [];
    const sink: StateSink = { ...sinkInto(stored), finish: () => void ends.push("finished"), abandon: (reason) => void ends.push(reason) };
    const { address } = await startServer({ stateSink: (step, worker) => (step === 5 && worker === "a" ? sink : undefined) });
    await putState({ address, step: 5, worker: workerId("a"), token }, sourceOf(source));
    expect(ends).toEqual(["finished"]);
    expect(bytesOf(stored).equals(bytesOf(source))).toBe(true);
    const refused = (step: number, worker: string, given = token) =>
      expect(putState({ address, step, worker: workerId(worker), token: given }, sourceOf(source))).rejects;
    await refused(6, "a").toThrow(/it answers 404: no state of step 6/);
    await refused(5, "b").toThrow(/it answers 404/);
    await refused(5, "a", "no").toThrow(/it answers 401/);
    await expect(putState({ address, step: 5, worker: workerId("a"), token }, sourceOf([new Float32Array(1)]))).rejects.toThrow(
      /it answers 422: 36 bytes announced/,
    );
    expect(ends).toEqual(["finished", expect.stringContaining("36 bytes announced")]);
  });

  it("an upload whose hash is wrong, or that breaks off: abandoned", async () => {
    const ends = new Inbox<{ kind: "finished" | "abandoned" }>();
    const sink: StateSink = {
      ...sinkInto([new Float32Array(2)]),
      finish: () => ends.put({ kind: "finished" }),
      abandon: () => ends.put({ kind: "abandoned" }),
    };
    const { address } = await startServer({ stateSink: () => sink });
    const put = () =>
      request(`http://${address}/state/1?worker=a`, { method: "PUT", agent: false, headers: { ...bearer, "content-length": 40 } });
    const status = await new Promise((resolve) =>
      put()
        .on("response", (response) => resolve(response.statusCode))
        .end(Buffer.alloc(40)),
    );
    expect(status).toBe(422);
    await ends.take("abandoned");
    const broken = put().on("error", () => {});
    broken.write(Buffer.alloc(8), () => broken.destroy());
    await ends.take("abandoned");
    expect(ends.seen("finished")).toBe(false);
  });
});
