import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { schemaUrl, toCoordinator } from "../../../src/wire/io/control-codec.ts";
import { protocolVersion, schemaSha256 } from "../../../src/wire/version.ts";

it("the schema changed: the protocol version and this hash change together", () => {
  const hash = createHash("sha256").update(readFileSync(schemaUrl)).digest("hex");
  expect(
    { protocolVersion, schemaSha256: hash },
    "proto/control.proto changed: in src/wire/version.ts raise protocolVersion and set schemaSha256; then write both here",
  ).toEqual({ protocolVersion: 2, schemaSha256: "0ecedcb9cca37f46ed4859bff630e71886cb5c1ca516f17371c9c89d0c18fa7c" });
  expect(schemaSha256).toBe(hash);
});

it("a message without a part that must be there: message-malformed", () => {
  // ToCoordinator { load_failed = 6 {} }
  expect(() => toCoordinator.decode(Uint8Array.of(0x32, 0x00))).toThrow(expect.objectContaining({ code: "message-malformed" }));
});

it("a digest of another length: message-malformed", () => {
  // ToCoordinator { load_failed { position { step: 1, lineage: 1 byte } } }
  const bytes = Uint8Array.of(0x32, 0x07, 0x0a, 0x05, 0x08, 0x01, 0x12, 0x01, 0xff);
  expect(() => toCoordinator.decode(bytes)).toThrow(/lineage is not 32 bytes/);
});

it("a heartbeat in a phase that does not exist: message-malformed", () => {
  // ToCoordinator { heartbeat = 11 { phase: 77 } }
  expect(() => toCoordinator.decode(Uint8Array.of(0x5a, 0x02, 0x08, 77))).toThrow(/phase is not one of its values/);
});

it("no message at all: message-malformed", () => {
  expect(() => toCoordinator.decode(new Uint8Array(0))).toThrow(expect.objectContaining({ code: "message-malformed" }));
});
