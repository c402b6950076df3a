/**
 * The safetensors format: 8 bytes with the length of the header, a JSON header, the values. Tensors of a flat vector
 * stand in layout order without gaps, so the bytes after the header are the flat vector itself, float32 little-endian,
 * and a chunk of the vector is written or read without looking at tensors. https://github.com/huggingface/safetensors
 */
import { assert } from "../base/assert.ts";

/** A float32 tensor: its place among the values that follow the header, in values. */
export interface TensorPlace {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** The header's bytes, its length included; the values begin right after them, at a multiple of 8. */
export function encodeHeader(tensors: readonly TensorPlace[]): Uint8Array {
  let next = 0;
  const entries = tensors.map(({ name, shape, offset }) => {
    assert(offset === next, `${name} begins where the tensor before it ends`);
    next = offset + sizeOf(shape);
    return [name, { dtype: "F32", shape, data_offsets: [4 * offset, 4 * next] }] as const;
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries([["__metadata__", { format: "pt" }], ...entries])));
  const bytes = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(json, 8);
  return bytes;
}

/** Bytes of header after the first eight, from a file's first eight bytes; undefined: not such a file. */
export function headerLength(start: Uint8Array): number | undefined {
  if (start.length < 8) return undefined;
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return length > 100_000_000n ? undefined : Number(length);
}

/** The tensors that a header names, by offset; undefined when it is no header, or has gaps or other types than F32. */
export function decodeHeader(json: Uint8Array): readonly TensorPlace[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const tensors: TensorPlace[] = [];
  for (const [name, entry] of Object.entries(parsed)) {
    if (name === "__metadata__") continue;
    const tensor = placeOf(name, entry);
    if (tensor === undefined) return undefined;
    tensors.push(tensor);
  }
  tensors.sort((a, b) => a.offset - b.offset);
  let next = 0;
  for (const { shape, offset } of tensors) {
    if (offset !== next) return undefined;
    next += sizeOf(shape);
  }
  return tensors;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function placeOf(name: string, entry: unknown): TensorPlace | undefined {
  if (typeof entry !== "object" || entry === null || !("dtype" in entry && "shape" in entry && "data_offsets" in entry)) return undefined;
  const { dtype, shape, data_offsets: offsets } = entry;
  if (dtype !== "F32" || !isWholeNumbers(shape) || !isWholeNumbers(offsets)) return undefined;
  const [start, end] = offsets;
  if (start === undefined || end !== start + 4 * sizeOf(shape) || start % 4 !== 0) return undefined;
  return { name, shape, offset: start / 4 };
}

function isWholeNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((v) => Number.isSafeInteger(v) && v >= 0);
}
