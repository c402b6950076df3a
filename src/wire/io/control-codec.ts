/**
 * Control messages as protobuf. The schema is read from `proto/control.proto`; one walk over its types serves every
 * message, since field names are the same on both sides: `kind` is the name in the envelope's oneof, `bytes` are
 * digests, an enum's values are their names in lower case, an absent optional field is `undefined`.
 */
import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import { assert } from "../../base/assert.ts";
import { BabelgradError } from "../../base/errors.ts";
import type { Digest } from "../../base/ids.ts";
import { readDigest, writeDigest } from "../digest-bytes.ts";
import type { ToCoordinator, ToWorker } from "../handshake.ts";

/** The same path from src/ and from dist/. */
export const schemaUrl = new URL("../../../proto/control.proto", import.meta.url);

export const toCoordinator = codec<ToCoordinator>("ToCoordinator");
export const toWorker = codec<ToWorker>("ToWorker");

interface Codec<Message> {
  encode(message: Message): Uint8Array;
  /** Throws `message-malformed`. */
  decode(bytes: Uint8Array): Message;
}

type Fields = Readonly<Record<string, unknown>>;

let schema: protobuf.Root | undefined;

function typeOf(name: string): protobuf.Type {
  if (schema === undefined) {
    schema = protobuf.parse(readFileSync(schemaUrl, "utf8")).root;
    schema.resolveAll();
  }
  return schema.lookupType(`babelgrad.${name}`);
}

function codec<Message extends { readonly kind: string }>(envelope: string): Codec<Message> {
  return {
    encode(message) {
      const type = typeOf(envelope);
      const field = type.fields[message.kind];
      assert(field?.resolvedType instanceof protobuf.Type, `${envelope} has no ${message.kind}`);
      return type.encode({ [message.kind]: encodable(field.resolvedType, { ...message }) }).finish();
    },
    decode(bytes) {
      const type = typeOf(envelope);
      let outer: Fields;
      try {
        outer = fieldsOf(type.decode(bytes));
      } catch (cause) {
        throw new BabelgradError("message-malformed", `${bytes.length} bytes are not a message (${envelope}).`, {}, { cause });
      }
      const kind = Object.values(type.fields).find((field) => Object.hasOwn(outer, field.name));
      if (!(kind?.resolvedType instanceof protobuf.Type)) throw malformed(`a message of unknown kind (${envelope})`);
      const body = decoded(kind.resolvedType, fieldsOf(outer[kind.name]));
      // Every field of the schema was checked by type and presence; the round-trip property holds schema and types together.
      return { kind: kind.name, ...body } as unknown as Message;
    },
  };
}

function encodable(type: protobuf.Type, value: Fields): Fields {
  const out: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const item = value[field.name];
    if (item === undefined) assert(isOptional(field), `${type.name} without ${field.name}`);
    else out[field.name] = field.repeated ? Array.from(listOf(item), (one) => encodableItem(field, one)) : encodableItem(field, item);
  }
  return out;
}

function encodableItem(field: protobuf.Field, item: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return encodable(field.resolvedType, fieldsOf(item));
  if (field.resolvedType instanceof protobuf.Enum) {
    const value = field.resolvedType.values[String(item).toUpperCase()];
    assert(value !== undefined, `${String(item)} is a ${field.name}`);
    return value;
  }
  return field.type === "bytes" ? writeDigest(new Uint8Array(32), String(item) as Digest) : item; // writeDigest checks it
}

function decoded(type: protobuf.Type, value: Fields): Fields {
  const out: Record<string, unknown> = {};
  for (const field of type.fieldsArray) {
    const isPresent = Object.hasOwn(value, field.name);
    if (field.repeated) out[field.name] = isPresent ? listOf(value[field.name]).map((one) => decodedItem(field, one)) : [];
    else if (isPresent) out[field.name] = decodedItem(field, value[field.name]);
    else if (isOptional(field)) out[field.name] = undefined;
    else if (field.resolvedType instanceof protobuf.Type) throw malformed(`${type.name} without ${field.name}`);
    else out[field.name] = decodedItem(field, field.typeDefault);
  }
  return out;
}

function decodedItem(field: protobuf.Field, item: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return decoded(field.resolvedType, fieldsOf(item));
  if (field.resolvedType instanceof protobuf.Enum) {
    const name = field.resolvedType.valuesById[Number(item)];
    if (name === undefined) throw malformed(`${field.name} is not one of its values`);
    return name.toLowerCase();
  }
  if (field.type !== "bytes") return item;
  if (!(item instanceof Uint8Array) || item.length !== 32) throw malformed(`${field.name} is not 32 bytes`);
  return readDigest(item);
}

/** proto3's `optional` is a oneof of its own. */
function isOptional(field: protobuf.Field): boolean {
  return field.partOf !== null;
}

function fieldsOf(value: unknown): Fields {
  assert(typeof value === "object" && value !== null, "a message is an object");
  return value as Fields; // any object can be read by key
}

function listOf(value: unknown): readonly unknown[] {
  assert(Array.isArray(value), "a repeated field is an array");
  return value;
}

function malformed(what: string): BabelgradError {
  return new BabelgradError("message-malformed", `A control message does not fit the schema: ${what}.`);
}
