/**
 * step/arithmetic.ts as WebAssembly SIMD, about six times faster and equal in every bit (test/contract/arithmetic).
 * The module has two blocks of scratch memory of its own; values are copied in and out a block at a time, which costs
 * little because a block stays in the processor's cache.
 */
import { assert } from "../base/assert.ts";
import { blockValues } from "../step/block.ts";

export interface Arithmetic {
  /** Makes each subnormal value a zero of its sign, in place. */
  flushSubnormals(values: Float32Array): void;
  /** out = left + right, flushed. `out` may be one of them. */
  addInto(out: Float32Array, left: Float32Array, right: Float32Array): void;
  /** sum / fround(targets), flushed, in place. */
  divideByTargets(sum: Float32Array, targets: number): void;
}

/** The part of the WebAssembly interface that is used; a global of every engine, though not of the ES library types. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Makes an instance; each thread has its own. */
export function createArithmetic(): Arithmetic {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes()));
  // The exports are those that moduleBytes() declares.
  const { memory, flush, add, divide } = exports as {
    readonly memory: { readonly buffer: ArrayBuffer };
    /** Flushes the first block; returns whether a value changed. */
    flush(bytes: number): number;
    /** First block = first + second. */
    add(bytes: number): void;
    divide(bytes: number, divisor: number): void;
  };
  const first = new Float32Array(memory.buffer, 0, blockValues);
  const second = new Float32Array(memory.buffer, blockBytes, blockValues);

  /** Carries values through the first block; `body` gets the place and returns whether to write back. */
  const eachBlock = (out: Float32Array, source: Float32Array, body: (start: number, end: number, bytes: number) => boolean): void => {
    for (let start = 0; start < source.length; start += blockValues) {
      const end = Math.min(start + blockValues, source.length);
      first.set(source.subarray(start, end));
      const bytes = Math.ceil((end - start) / 4) * 16;
      if (body(start, end, bytes)) out.set(end - start === blockValues ? first : first.subarray(0, end - start), start);
    }
  };

  return {
    flushSubnormals: (values) => eachBlock(values, values, (_start, _end, bytes) => flush(bytes) !== 0),
    addInto(out, left, right) {
      assert(out.length === left.length && out.length === right.length, "summands of unlike length");
      eachBlock(out, left, (start, end, bytes) => {
        second.set(right.subarray(start, end));
        add(bytes);
        return true;
      });
    },
    divideByTargets: (sum, targets) =>
      eachBlock(sum, sum, (_start, _end, bytes) => {
        divide(bytes, Math.fround(targets));
        return true;
      }),
  };
}

const blockBytes = blockValues * Float32Array.BYTES_PER_ELEMENT;

// The module, assembled by hand. Opcodes: WebAssembly core specification 2.0, section 5.4.
const i32 = 0x7f;
const f32 = 0x7d;
const v128 = 0x7b;
const empty = 0x40;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const constant = (value: number): number[] => [0x41, ...signed(value)];
const vector = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const load = (offset: number): number[] => [...vector(0x00), 4, ...unsigned(offset)];
const store = [...vector(0x0b), 4, 0];
const splat = (bits: number): number[] => [...constant(bits), ...vector(0x11)];
const and = vector(0x4e);
const or = vector(0x50);
const xor = vector(0x51);
const bitselect = vector(0x52);
const anyTrue = vector(0x53);
const equalInt = vector(0x37);
const addFloat = vector(0xe4);
const divideFloat = vector(0xe7);
const splatFloat = vector(0x13);

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const pages = (2 * blockBytes) / 65_536;
  const types = [
    [0x60, 1, i32, 1, i32],
    [0x60, 1, i32, 0],
    [0x60, 2, i32, f32, 0],
  ];
  const exported = (name: string, kind: number, index: number): number[] => [...text(name), kind, index];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list(types)),
    ...section(3, [3, 0, 1, 2]),
    ...section(5, [1, 0, ...unsigned(pages)]),
    ...section(7, list([exported("memory", 2, 0), exported("flush", 0, 0), exported("add", 0, 1), exported("divide", 0, 2)])),
    ...section(10, list([flushBody(), addBody(), divideBody()])),
  ]);
}

/** Local `x` flushed, left on the stack: x & sign where the exponent is zero, x elsewhere. */
function flushed(x: number): number[] {
  const isTiny = [...get(x), ...splat(0x7f80_0000), ...and, ...splat(0), ...equalInt];
  return [...get(x), ...splat(0x8000_0000 | 0), ...and, ...get(x), ...isTiny, ...bitselect];
}

/** for (place = 0; place < bytes; place += 16) body */
function loop(bytes: number, place: number, body: number[]): number[] {
  const step = [...get(place), ...constant(16), 0x6a, 0x22, place, ...get(bytes), 0x49, 0x0d, 0]; // tee, less than (unsigned), branch
  return [0x03, empty, ...body, ...step, 0x0b];
}

function flushBody(): number[] {
  const [bytes, place, x, y, changed] = [0, 1, 2, 3, 4];
  const body = [
    ...[...get(place), ...load(0), ...set(x), ...flushed(x), ...set(y)],
    ...[...get(changed), ...get(x), ...get(y), ...xor, ...or, ...set(changed)],
    ...[...get(place), ...get(y), ...store],
  ];
  return code(
    [
      [1, i32],
      [3, v128],
    ],
    [...loop(bytes, place, body), ...get(changed), ...anyTrue],
  );
}

function addBody(): number[] {
  const [bytes, place, x] = [0, 1, 2];
  const body = [
    ...[...get(place), ...load(0), ...get(place), ...load(blockBytes), ...addFloat, ...set(x)],
    ...[...get(place), ...flushed(x), ...store],
  ];
  return code(
    [
      [1, i32],
      [1, v128],
    ],
    loop(bytes, place, body),
  );
}

function divideBody(): number[] {
  const [bytes, divisor, place, x] = [0, 1, 2, 3];
  const body = [
    ...[...get(place), ...load(0), ...get(divisor), ...splatFloat, ...divideFloat, ...set(x)],
    ...[...get(place), ...flushed(x), ...store],
  ];
  return code(
    [
      [1, i32],
      [1, v128],
    ],
    loop(bytes, place, body),
  );
}

function code(locals: number[][], instructions: number[]): number[] {
  const body = [...list(locals), ...instructions, 0x0b];
  return [...unsigned(body.length), ...body];
}

function section(id: number, content: number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function list(items: number[][]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): number[] {
  return [name.length, ...[...name].map((letter) => letter.charCodeAt(0))];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const low = value & 127;
  const rest = value >> 7;
  const isLast = (rest === 0 && (low & 64) === 0) || (rest === -1 && (low & 64) !== 0);
  return isLast ? [low] : [low | 128, ...signed(rest)];
}
