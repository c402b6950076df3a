import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BabelgradError } from "../../../src/base/errors.ts";
import type { Digest, RunId, WorkerId } from "../../../src/base/ids.ts";
import { phases } from "../../../src/telemetry/phase.ts";
import type { ToCoordinator, ToWorker } from "../../../src/wire/handshake.ts";
import { toCoordinator, toWorker } from "../../../src/wire/io/control-codec.ts";

const record = <T extends object>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
const uint = fc.nat({ max: 2 ** 32 - 1 });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const float64 = fc.double();
const float32 = fc.float();
const text = fc.string({ unit: "grapheme" });
const id = text.map((t) => t as WorkerId);
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((b) => Buffer.from(b).toString("hex") as Digest);
const generation = record({ term: uint, count: uint });
const position = record({ step: uint, lineage: digest });
const tally = fc.array(record({ language: uint, sequences: count, targets: count, bytes: count, lossNats: float64 }), { maxLength: 3 });
const preparedFields = { step: uint, digest, sumOfSquares: float64, tally };
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const route = record({ peer: id, address: text, present: digest, expect: digest });

type Bodies<Message extends { kind: string }> = {
  readonly [K in Message["kind"]]: fc.Arbitrary<Omit<Extract<Message, { kind: K }>, "kind">>;
};

/** A missing kind does not compile. */
const fromWorker: Bodies<ToCoordinator> = {
  hello: record({ protocolVersion: uint, schemaSha256: text, worker: id, peerAddress: text, softwareVersion: text }),
  classified: record({ numericClass: text }),
  ready: record({ position: maybe(position), prepared: maybe(record(preparedFields)) }),
  prepared: record({ generation, computed: fc.array(uint), ...preparedFields }),
  loadFailed: record({ position, reason: text }),
  evaluated: record({ position, leaf: uint, tally }),
  sampled: record({ position, samples: fc.array(record({ language: text, text })) }),
  linkDown: record({ peer: id }),
  linkUp: record({ peer: id }),
  leaving: fc.constant({}),
  heartbeat: record({ phase: fc.constantFrom(...phases) }),
};

const fromCoordinator: Bodies<ToWorker> = {
  welcome: record({
    term: uint,
    runId: text.map((t) => t as RunId),
    config: text,
    manifest: text,
    start: text,
    heartbeatMs: uint,
    timeoutMs: uint,
  }),
  refused: record({ code: text, message: text, todo: text }),
  admitted: fc.constant({}),
  plan: record({
    generation,
    step: uint,
    lineage: digest,
    members: fc.array(record({ worker: id, leaves: fc.array(uint), blocks: fc.array(uint) })),
    finishFrom: fc.array(id),
    routes: fc.array(route),
  }),
  commit: record({
    step: uint,
    digest,
    scalars: record({ rate: float32, beta1Power: float32, beta2Power: float32, clipScale: float32 }),
    isSkipped: fc.boolean(),
    lineageAfter: digest,
    hold: fc.boolean(),
  }),
  load: record({ position, donor: maybe(id), source: maybe(record({ address: text, ticket: digest })) }),
  serve: record({ position, receiver: maybe(id), ticket: maybe(digest) }),
  evaluate: record({ position, leaves: fc.array(uint) }),
  sample: record({ position }),
  stop: record({ reason: text }),
  heartbeat: fc.constant({}),
};

describe("control messages", () => {
  for (const [kind, body] of Object.entries(fromWorker))
    it(`${kind} to the coordinator: comes back as it was, to the last bit`, () => {
      fc.assert(
        fc.property(body as fc.Arbitrary<object>, (fields) => {
          const message = { kind, ...fields } as ToCoordinator;
          expect(toCoordinator.decode(toCoordinator.encode(message))).toStrictEqual(message);
        }),
        { numRuns: 50 },
      );
    });

  for (const [kind, body] of Object.entries(fromCoordinator))
    it(`${kind} to a worker: comes back as it was, to the last bit`, () => {
      fc.assert(
        fc.property(body as fc.Arbitrary<object>, (fields) => {
          const message = { kind, ...fields } as ToWorker;
          expect(toWorker.decode(toWorker.encode(message))).toStrictEqual(message);
        }),
        { numRuns: 50 },
      );
    });

  it("any bytes: a message or the coded refusal, never another error", () => {
    const whole = fc
      .tuple(digest, uint)
      .map(([lineage, step]) => toCoordinator.encode({ kind: "loadFailed", position: { step, lineage }, reason: "" }));
    const damaged = fc.tuple(whole, fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, value]) => {
      bytes[at % bytes.length] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), damaged), (bytes) => {
        try {
          expect(Object.keys(fromWorker)).toContain(toCoordinator.decode(bytes).kind);
        } catch (error) {
          expect(error).toBeInstanceOf(BabelgradError);
          expect(error).toHaveProperty("code", "message-malformed");
        }
      }),
      { numRuns: 2000 },
    );
  });
});
