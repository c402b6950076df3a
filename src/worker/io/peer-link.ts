/**
 * One open link to another worker: frames go out in order, a bounded number of bytes at a time, straight from the
 * memory that holds the values; what comes in is a whole frame of the run, or the link is closed.
 */
import type { Duplex } from "node:stream";
import { crc32 as zlibCrc32 } from "node:zlib";
import type { WebSocket } from "ws";
import { BabelgradError } from "../../base/errors.ts";
import { compareGenerations, type Generation, type Step } from "../../base/ids.ts";
import { decodeFrame, encodeFrame, type FrameLayout } from "../../wire/frames.ts";
import { type KeepAlive, keepAlive } from "../../wire/io/keep-alive.ts";
import type { Frame } from "../../wire/messages.ts";

export interface PeerLinkOptions {
  readonly layout: FrameLayout;
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  readonly onFrame: (frame: Frame<Float32Array>) => void;
  /** A frame of so many bytes went out, or came in whole. */
  readonly onExchanged: (direction: "sent" | "received", content: Frame<unknown>["kind"], bytes: number) => void;
  /** Once. */
  readonly onClosed: (reason: string) => void;
}

/** The rest waits in our queue, where it can still be dropped. */
const sendingBytesMax = 1024 * 1024;

const crc32 = (bytes: Uint8Array, before = 0): number => zlibCrc32(bytes, before);

export class PeerLink {
  readonly #socket: WebSocket;
  readonly #stream: Duplex;
  readonly #options: PeerLinkOptions;
  readonly #alive: KeepAlive;
  /** References: the frames' values stay where they are until the step is committed. */
  #queue: Frame<Float32Array>[] = [];
  #sent = 0;
  #written = 0;
  #waiting: { readonly upTo: number; readonly resolve: () => void }[] = [];
  #isClosed = false;

  /** `stream` is the socket below `socket`. */
  constructor(socket: WebSocket, stream: Duplex, options: PeerLinkOptions) {
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    this.#alive = keepAlive({
      ...options,
      beat: () => socket.ping(),
      lost: () => this.close(`nothing was heard for ${options.timeoutMs} ms`),
    });
    // Header and values come as the fragments in which they were sent: nothing is put together again.
    socket.binaryType = "fragments";
    socket.on("message", (data, isBinary) => this.#take(data, isBinary));
    socket.on("ping", () => this.#alive.heard());
    socket.on("pong", () => this.#alive.heard());
    socket.on("error", (error) => this.close(error.message));
    socket.on("close", () => this.close("the other side closed it"));
  }

  send(frame: Frame<Float32Array>): void {
    this.#queue.push(frame);
    this.#pump();
  }

  /** Frames of an older generation are stale wherever they arrive. */
  dropBefore(generation: Generation): void {
    this.#queue = this.#queue.filter((frame) => compareGenerations(frame.generation, generation) >= 0);
  }

  /** Drops what waits of this step and before; resolves when no value of such a frame is read any more. */
  forget(step: Step): Promise<void> {
    this.#queue = this.#queue.filter((frame) => frame.step > step);
    if (this.#written === this.#sent) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ upTo: this.#sent, resolve }));
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#alive.stop();
    this.#queue = [];
    this.#socket.terminate();
    this.#wrote(this.#sent);
    this.#options.onClosed(reason);
  }

  #take(data: unknown, isBinary: boolean): void {
    this.#alive.heard();
    if (this.#isClosed) return;
    try {
      if (!isBinary) throw new BabelgradError("frame-malformed", "A frame is not text.");
      const chunks = data as Buffer[]; // binaryType is fragments
      const frame = decodeFrame(this.#options.layout, crc32, chunks);
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      this.#options.onExchanged("received", frame.kind, bytes);
      this.#options.onFrame(frame);
    } catch (error) {
      if (!(error instanceof BabelgradError)) throw error;
      this.close(error.message);
    }
  }

  #pump(): void {
    while (!this.#isClosed && this.#socket.bufferedAmount < sendingBytesMax) {
      const frame = this.#queue.shift();
      if (frame === undefined) return;
      const { header, payload } = encodeFrame(this.#options.layout, crc32, frame);
      const number = ++this.#sent;
      this.#stream.cork();
      this.#socket.send(header, { fin: false });
      this.#socket.send(payload, { fin: true }, () => {
        this.#wrote(number);
        this.#pump();
      });
      this.#stream.uncork();
      this.#options.onExchanged("sent", frame.kind, header.byteLength + payload.byteLength);
    }
  }

  #wrote(number: number): void {
    this.#written = Math.max(this.#written, number);
    const isDone = ({ upTo }: { readonly upTo: number }) => upTo <= this.#written;
    for (const { resolve } of this.#waiting.filter(isDone)) resolve();
    this.#waiting = this.#waiting.filter((one) => !isDone(one));
  }
}
