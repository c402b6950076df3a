/**
 * A state over HTTP: the float32 vectors one after the other, then the 32 bytes of their SHA-256. The body has an
 * exact Content-Length and is hashed while it streams, so nothing is read twice and nothing is buffered; TCP gives
 * backpressure. Nobody uses a state whose hash was not seen to be right.
 */
import { createHash } from "node:crypto";
import { type ClientRequest, type IncomingMessage, type RequestOptions, request, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Step, WorkerId } from "../../base/ids.ts";

export interface StateSource {
  readonly bytes: number;
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface StateSink {
  /** The only length that is accepted. */
  readonly bytes: number;
  /** Bytes of the state from `offset`, in order; they may be overwritten when the promise has resolved. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** All bytes are there and their hash is right. */
  finish(): void | Promise<void>;
  /** They will never be. Called at most once, and never after `finish`. */
  abandon(reason: string): void | Promise<void>;
}

const sealBytes = 32;
/** One block at a time: no hash or copy keeps the event loop longer. */
const chunkBytes = 262_144;

/** The vectors as a source. They must not change while it is read. */
export function sourceOf(vectors: readonly Float32Array[]): StateSource {
  return {
    bytes: vectors.reduce((sum, vector) => sum + vector.byteLength, 0),
    *chunks() {
      for (const vector of vectors)
        for (let start = 0; start < vector.byteLength; start += chunkBytes)
          yield new Uint8Array(vector.buffer, vector.byteOffset + start, Math.min(chunkBytes, vector.byteLength - start));
    },
  };
}

/** A sink that fills the vectors. */
export function sinkInto(vectors: readonly Float32Array[]): StateSink {
  return {
    bytes: vectors.reduce((sum, vector) => sum + vector.byteLength, 0),
    write(offset, bytes) {
      let start = 0;
      for (const vector of vectors) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + bytes.length, start + vector.byteLength);
        if (from < to)
          new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength).set(bytes.subarray(from - offset, to - offset), from - start);
        start += vector.byteLength;
      }
    },
    finish() {},
    abandon() {},
  };
}

export interface FetchOptions {
  /** A donor that does not have the state yet is asked again for so long. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/** Gets the state at `step` from a member (`Ticket …`) or the coordinator (`Bearer …`). Throws `transfer-failed`. */
export async function fetchState(
  from: { readonly address: string; readonly step: Step; readonly authorization: string },
  sink: StateSink,
  options: FetchOptions = {},
): Promise<void> {
  const what = `state of step ${from.step} from ${from.address}`;
  const { patienceMs = 30_000, signal } = options;
  try {
    for (let waitedMs = 0, pauseMs = 50; ; waitedMs += pauseMs, pauseMs = Math.min(1000, 2 * pauseMs)) {
      const call = open(from.address, `/state/${from.step}`, { method: "GET", headers: { authorization: from.authorization } }, signal);
      call.end();
      const response = await responseOf(call);
      if (response.statusCode === 404 && waitedMs < patienceMs) {
        response.resume();
        await sleep(pauseMs, undefined, signal === undefined ? {} : { signal });
      } else if (response.statusCode !== 200) throw new Error(`it answers ${response.statusCode}: ${await textOf(response)}`);
      else return await receive(response, sink);
    }
  } catch (cause) {
    await sink.abandon(messageOf(cause));
    throw new BabelgradError("transfer-failed", `Could not get the ${what}: ${messageOf(cause)}.`, {}, { cause });
  }
}

/** Sends a worker's state at `step` to the coordinator. Resolves when it is stored there; throws `transfer-failed`. */
export async function putState(
  to: { readonly address: string; readonly step: Step; readonly worker: WorkerId; readonly token: string },
  source: StateSource,
  signal?: AbortSignal,
): Promise<void> {
  // A refusal comes before the body is sent, or a reset connection would swallow its reason.
  const headers = { authorization: `Bearer ${to.token}`, "content-length": source.bytes + sealBytes, expect: "100-continue" };
  try {
    const call = open(to.address, `/state/${to.step}?worker=${encodeURIComponent(to.worker)}`, { method: "PUT", headers }, signal);
    const answered = responseOf(call);
    call.once("continue", () => {
      pipeline(Readable.from(sealed(source)), call).catch(() => {}); // `answered` fails for the same reason
    });
    call.flushHeaders();
    const response = await answered;
    if (response.statusCode !== 204) {
      const text = await textOf(response);
      call.destroy();
      throw new Error(`it answers ${response.statusCode}: ${text}`);
    }
    response.resume();
  } catch (cause) {
    throw new BabelgradError(
      "transfer-failed",
      `Could not send the state of step ${to.step} to ${to.address}: ${messageOf(cause)}.`,
      {},
      { cause },
    );
  }
}

/** Answers a GET with the state. */
export async function sendState(response: ServerResponse, source: StateSource): Promise<void> {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": source.bytes + sealBytes });
  // The receiver may leave at any time; it will ask again.
  await pipeline(Readable.from(sealed(source)), response).catch(() => {});
}

/** Takes the body of a PUT or of an answer. Throws when it is not exactly the state; the caller abandons the sink. `begin`: the length is right. */
export async function receive(body: IncomingMessage, sink: StateSink, begin = () => {}): Promise<void> {
  const length = Number(body.headers["content-length"]);
  if (length !== sink.bytes + sealBytes)
    throw new Error(`${length} bytes announced where the state has ${sink.bytes} and its hash ${sealBytes}`);
  begin();
  const hash = createHash("sha256");
  const seal = new Uint8Array(sealBytes);
  let received = 0;
  for await (const chunk of body) {
    assert(chunk instanceof Uint8Array, "a body without encoding is bytes");
    const state = chunk.subarray(0, Math.max(0, sink.bytes - received));
    hash.update(state);
    if (state.length > 0) await sink.write(received, state);
    if (state.length < chunk.length) seal.set(chunk.subarray(state.length), received + state.length - sink.bytes);
    received += chunk.length;
  }
  if (received !== length) throw new Error(`it ended after ${received} of ${length} bytes`);
  if (!hash.digest().equals(seal)) throw new Error("its hash is not that of its bytes");
  await sink.finish();
}

async function* sealed(source: StateSource): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of source.chunks()) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  assert(bytes === source.bytes, `a source of ${source.bytes} bytes gave ${bytes}`);
  yield hash.digest();
}

/** Nothing heard for so long ends a transfer. */
const idleMs = 60_000;

function open(address: string, path: string, options: RequestOptions, signal: AbortSignal | undefined): ClientRequest {
  const call = request(new URL(`http://${address}${path}`), { ...options, agent: false, ...(signal === undefined ? {} : { signal }) });
  call.setTimeout(idleMs, () => call.destroy(new Error(`nothing was heard for ${idleMs / 1000} s`)));
  return call;
}

function responseOf(call: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.once("response", resolve);
    call.on("error", reject);
  });
}

/** The first kilobyte of an answer, for a message. */
async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(Buffer.from(chunk));
    if (Buffer.concat(chunks).length > 1024) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, 1024).trim();
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
