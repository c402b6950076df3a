/** Links between workers, over real loopback sockets. */
import { request } from "node:http";
import { connect } from "node:net";
import { crc32 } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Digest, type Generation, type WorkerId, workerId } from "../../../src/base/ids.ts";
import { blockCount, blockRange, blockValues } from "../../../src/step/block.ts";
import { encodeFrame, type FrameLayout, frameBytesMax } from "../../../src/wire/frames.ts";
import type { Route } from "../../../src/wire/handshake.ts";
import { fetchState, sinkInto, sourceOf } from "../../../src/wire/io/state-transfer.ts";
import { linkTicket } from "../../../src/wire/io/tickets.ts";
import type { Frame } from "../../../src/wire/messages.ts";
import { openPeerMesh, type PeerMesh } from "../../../src/worker/io/peer-mesh.ts";
import { Inbox } from "./inbox.ts";

const secret = Buffer.alloc(32, 7);
const lineage = "ab".repeat(32) as Digest;
const layout: FrameLayout = { size: 64 * blockValues - 5, leaves: 4, languages: 3 };
const [a, b] = [workerId("a"), workerId("b")];
const first: Generation = { term: 1, count: 1 };
const second: Generation = { term: 1, count: 2 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type MeshEvent =
  | { kind: "frame"; from: WorkerId; frame: Frame<Float32Array> }
  | { kind: "up"; peer: WorkerId }
  | { kind: "down"; peer: WorkerId; reason: string }
  | { kind: "intruder"; reason: string };

async function startMesh(self: WorkerId, options: { timeoutMs?: number; onFrame?: (frame: Frame<Float32Array>) => void } = {}) {
  const events = new Inbox<MeshEvent>();
  const mesh = await openPeerMesh({
    self,
    host: "127.0.0.1",
    onFrame: (from, frame) => {
      options.onFrame?.(frame);
      events.put({ kind: "frame", from, frame });
    },
    onLinkUp: (peer) => events.put({ kind: "up", peer }),
    onLinkDown: (peer, reason) => events.put({ kind: "down", peer, reason }),
    onIntruder: (reason) => events.put({ kind: "intruder", reason }),
    onExchanged: () => undefined,
    status: { metrics: async () => "", isHealthy: () => true, isReady: () => true },
  });
  mesh.configure({ layout, heartbeatMs: 50, timeoutMs: options.timeoutMs ?? 5000 });
  closers.push(() => mesh.close());
  return { mesh, events };
}

/** The route that `self` is given to `peer`. */
function routeTo(self: WorkerId, peer: WorkerId, address: string, generation: Generation): Route {
  return { peer, address, present: linkTicket(secret, self, peer, generation), expect: linkTicket(secret, peer, self, generation) };
}

function introduce(generation: Generation, ...members: readonly (readonly [WorkerId, PeerMesh])[]): void {
  for (const [self, mesh] of members)
    mesh.setRoutes(
      generation,
      members.filter(([peer]) => peer !== self).map(([peer, { address }]) => routeTo(self, peer, address, generation)),
    );
}

async function startPair() {
  const [left, right] = [await startMesh(a), await startMesh(b)];
  introduce(first, [a, left.mesh], [b, right.mesh]);
  await Promise.all([left.events.take("up"), right.events.take("up")]);
  return { left, right };
}

function average(block: number, generation = first, seed = 0): Frame<Float32Array> {
  const { start, end } = blockRange(layout.size, block);
  const values = Float32Array.from({ length: end - start }, (_, i) => Math.fround(i * 1.37 + block + seed));
  const tally = [{ language: 2, sequences: 1, targets: 2, bytes: 3, lossNats: block / 3 }];
  return { kind: "average", generation, step: 5, lineage, block, digest: lineage, sumOfSquares: block / 7, tally, values };
}

/** Dials as `a` would, with something different about it. */
function dial(address: string, changed: { headers?: Record<string, string>; origin?: string; path?: string } = {}): WebSocket {
  const headers = {
    authorization: `Ticket ${linkTicket(secret, a, b, first)}`,
    "x-babelgrad-from": a,
    "x-babelgrad-to": b,
    "x-babelgrad-generation": "1.1",
    ...changed.headers,
  };
  const socket = new WebSocket(`ws://${address}${changed.path ?? "/peer"}`, {
    headers,
    ...(changed.origin === undefined ? {} : { origin: changed.origin }),
  });
  socket.on("error", () => {});
  closers.push(() => socket.terminate());
  return socket;
}

function statusOf(socket: WebSocket): Promise<number | undefined> {
  return new Promise((resolve) => {
    socket.on("unexpected-response", (_request, response) => resolve(response.statusCode));
    socket.on("open", () => resolve(101));
  });
}

/** Worker b, that expects a, which is played by the test. */
async function startExpecting(options: { timeoutMs?: number } = {}) {
  const right = await startMesh(b, options);
  right.mesh.setRoutes(first, [routeTo(b, a, "127.0.0.1:1", first)]);
  return right;
}

describe("a pair of members", () => {
  it("64 blocks both ways at once: every byte as it was sent, in order, out of shared memory", async () => {
    const { left, right } = await startPair();
    const blocks = Array.from({ length: blockCount(layout.size) }, (_, block) => block);
    expect(blocks).toHaveLength(64);
    const shared = (frame: Frame<Float32Array>): Frame<Float32Array> => {
      const values = new Float32Array(new SharedArrayBuffer(frame.values.byteLength));
      values.set(frame.values);
      return { ...frame, values };
    };
    for (const block of blocks) {
      left.mesh.send(b, shared(average(block, first, 1)));
      right.mesh.send(a, shared(average(block, first, 2)));
    }
    for (const [events, seed] of [
      [right.events, 1],
      [left.events, 2],
    ] as const)
      for (const block of blocks) {
        const { frame } = await events.take("frame");
        const { values, ...head } = average(block, first, seed);
        const { values: got, ...gotHead } = frame;
        expect(gotHead).toEqual(head);
        expect(Buffer.from(got.buffer, got.byteOffset, got.byteLength).equals(Buffer.from(values.buffer))).toBe(true);
      }
  });

  it("in the next generation: the link stays, and goes when one is no member any more", async () => {
    const { left, right } = await startPair();
    introduce(second, [a, left.mesh], [b, right.mesh]);
    left.mesh.send(b, average(0, second));
    await right.events.take("frame");
    expect(left.events.seen("down") || right.events.seen("down")).toBe(false);
    left.mesh.setRoutes({ term: 1, count: 3 }, []);
    await right.events.take("down");
    expect(left.events.seen("down")).toBe(false);
  });

  it("one knows the plan before the other: the link waits for it", async () => {
    const [left, right] = [await startMesh(a), await startMesh(b)];
    left.mesh.setRoutes(first, [routeTo(a, b, right.mesh.address, first)]);
    // A request that came after a's was answered, so a's waits.
    expect(await statusOf(dial(right.mesh.address, { path: "/other" }))).toBe(404);
    right.mesh.setRoutes(first, [routeTo(b, a, left.mesh.address, first)]);
    await Promise.all([left.events.take("up"), right.events.take("up")]);
  });

  it("one refuses a frame: the link closes, both are told, and it opens again", async () => {
    const { left, right } = await startPair();
    right.mesh.refuse(a, "not in the plan");
    expect((await right.events.take("down")).reason).toBe("not in the plan");
    await left.events.take("down");
    await Promise.all([left.events.take("up"), right.events.take("up")]);
  });

  it("one starts again at another address: linked again", async () => {
    const { left, right } = await startPair();
    await right.mesh.close();
    await left.events.take("down");
    const again = await startMesh(b);
    introduce(second, [a, left.mesh], [b, again.mesh]);
    await Promise.all([left.events.take("up"), again.events.take("up")]);
  });

  it("one cannot be reached: reported once the timeout is over", async () => {
    const left = await startMesh(a, { timeoutMs: 200 });
    left.mesh.setRoutes(first, [routeTo(a, b, "127.0.0.1:1", first)]);
    expect(await left.events.take("down")).toMatchObject({ peer: b, reason: expect.stringContaining("ECONNREFUSED") });
  });

  it("a step is forgotten: resolves when its frames are on their way or dropped", async () => {
    const { left, right } = await startPair();
    for (let block = 0; block < 64; block++) left.mesh.send(b, average(block));
    await left.mesh.forget(5);
    left.mesh.send(b, { ...average(63), step: 6 });
    const steps: number[] = [];
    for (;;) {
      const { frame } = await right.events.take("frame");
      steps.push(frame.step);
      if (frame.step === 6) break;
    }
    expect(steps.length).toBeLessThan(64);
  });

  it("a member that stops answering: its link is closed after the timeout", async () => {
    const right = await startExpecting({ timeoutMs: 200 });
    const socket = dial(right.mesh.address);
    socket.on("upgrade", (response) => response.socket.pause());
    await right.events.take("up");
    expect((await right.events.take("down")).reason).toBe("nothing was heard for 200 ms");
  });

  it("a second link of the same member: replaces the first", async () => {
    const right = await startExpecting();
    const one = dial(right.mesh.address);
    await right.events.take("up");
    const two = dial(right.mesh.address);
    expect((await right.events.take("down")).reason).toBe("a newer link takes its place");
    await right.events.take("up");
    await new Promise((resolve) => one.on("close", resolve));
    right.mesh.send(a, average(63));
    await new Promise((resolve) => two.on("message", resolve));
  });
});

describe("a stranger at a worker's door", () => {
  it.each([
    ["the ticket of another generation", { headers: { authorization: `Ticket ${linkTicket(secret, a, b, second)}` } }, 403],
    ["no ticket", { headers: { authorization: "" } }, 403],
    ["the ticket of the other direction", { headers: { authorization: `Ticket ${linkTicket(secret, b, a, first)}` } }, 403],
    ["a name that is no member", { headers: { "x-babelgrad-from": "z" } }, 403],
    ["another receiver in mind", { headers: { "x-babelgrad-to": "c" } }, 403],
    ["an older generation", { headers: { "x-babelgrad-generation": "1.0" } }, 409],
    ["a generation that is none", { headers: { "x-babelgrad-generation": "x" } }, 400],
    ["an Origin, as browsers have", { origin: "https://example.org" }, 403],
    ["another path", { path: "/control" }, 404],
    ["a hello larger than any", { headers: { "x-more": "x".repeat(3000) } }, 431],
  ])("with %s: turned away", async (_, changed, status) => {
    const right = await startExpecting();
    expect(await statusOf(dial(right.mesh.address, changed))).toBe(status);
    expect(right.events.seen("up")).toBe(false);
    expect(await statusOf(dial(right.mesh.address))).toBe(101);
  });

  it("that speaks no HTTP: hung up on, and members still get in", async () => {
    const right = await startExpecting();
    const [host, port] = right.mesh.address.split(":");
    const garbage = connect(Number(port), host).on("error", () => {});
    garbage.write(Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 37) % 256)));
    await new Promise((resolve) => garbage.on("close", resolve).resume());
    expect(await statusOf(dial(right.mesh.address))).toBe(101);
  });

  it("a listener that is not the member: shows a wrong ticket and gets no link", async () => {
    const [left, right] = [await startMesh(a, { timeoutMs: 200 }), await startMesh(b)];
    right.mesh.setRoutes(first, [{ ...routeTo(b, a, left.mesh.address, first), present: "0".repeat(64) }]);
    left.mesh.setRoutes(first, [routeTo(a, b, right.mesh.address, first)]);
    expect((await left.events.take("down")).reason).toBe("it shows a wrong ticket");
    expect(left.events.seen("up")).toBe(false);
  });
});

describe("a frame that is none", () => {
  const whole = (): Buffer => {
    const { header, payload } = encodeFrame(layout, (bytes, before = 0) => crc32(bytes, before), average(63));
    return Buffer.concat([header, payload]);
  };
  it.each([
    ["a byte too many", () => Buffer.concat([whole(), Buffer.alloc(1)]), /bytes where block 63/],
    ["a byte too few", () => whole().subarray(0, -1), /bytes where block 63/],
    ["a flipped bit", () => whole().fill(1, 300, 301), /checksum/],
    ["nothing", () => Buffer.alloc(0), /0 bytes/],
    ["more bytes than any frame has", () => Buffer.alloc(frameBytesMax(layout) + 1), /payload/],
    ["text", () => "hello", /text/],
  ])("%s: the link closes, the reason is reported, and the member may come again", async (_, message, reason) => {
    const right = await startExpecting();
    const socket = dial(right.mesh.address);
    socket.on("open", () => {
      socket.send(whole());
      socket.send(message());
    });
    await right.events.take("frame");
    expect(await right.events.take("down")).toMatchObject({ peer: a, reason: expect.stringMatching(reason) });
    expect(await statusOf(dial(right.mesh.address))).toBe(101);
  });
});

describe("a state offered to a joiner", () => {
  it("with its ticket: given; with another, for another step, or taken back: not there", async () => {
    const { mesh } = await startMesh(a);
    const vectors = [Float32Array.of(1, 2, 3), new Float32Array(0)];
    const ticket = "5".repeat(64);
    const withdraw = mesh.offerState(4, ticket, sourceOf(vectors));
    const got = vectors.map(({ length }) => new Float32Array(length));
    const fetch = (step: number, shown: string) =>
      fetchState({ address: mesh.address, step, authorization: `Ticket ${shown}` }, sinkInto(got), { patienceMs: 0 });
    await fetch(4, ticket);
    expect(got).toEqual(vectors);
    await expect(fetch(4, "6".repeat(64))).rejects.toMatchObject({ code: "transfer-failed" });
    await expect(fetch(5, ticket)).rejects.toMatchObject({ code: "transfer-failed" });
    withdraw();
    await expect(fetch(4, ticket)).rejects.toMatchObject({ code: "transfer-failed" });
  });

  it("to a browser: refused", async () => {
    const { mesh } = await startMesh(a);
    const status = await new Promise((resolve) => {
      request(`http://${mesh.address}/state/4`, { headers: { origin: "https://example.org" }, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(403);
  });
});
