/** A TensorFlow graph in the making: nodes by name, in the order they were added. */

/** Element types by their numbers in tensorflow/core/framework/types.proto. */
export const elementType = { float32: 1, int32: 3 } as const;
export type ElementType = (typeof elementType)[keyof typeof elementType];

export interface ShapeProto {
  readonly dim: readonly { readonly size: number }[];
}
export interface TensorProto {
  readonly dtype: number;
  readonly tensor_shape: ShapeProto;
  readonly tensor_content: Uint8Array;
}
/** AttrValue of tensorflow/core/framework/attr_value.proto: one of these. */
export type AttributeValue =
  | { readonly s: Uint8Array }
  | { readonly i: number }
  | { readonly f: number }
  | { readonly b: boolean }
  | { readonly type: number }
  | { readonly shape: ShapeProto }
  | { readonly tensor: TensorProto }
  | { readonly list: Readonly<Record<string, unknown>> };

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  /** `node`, `node:1` for its second output, `^node` to wait for it. */
  readonly input: readonly string[];
  readonly device: string;
  readonly attr: Readonly<Record<string, AttributeValue>>;
}

const noBytes = new Uint8Array();
const utf8 = new TextEncoder();

export class Graph {
  readonly nodes: GraphNode[] = [];
  #names = new Set<string>();

  /** Adds a node and returns its name; taken names get a number. */
  add(op: string, input: readonly string[], attr: Readonly<Record<string, AttributeValue>> = {}, name = op, device = ""): string {
    let unique = name;
    for (let n = 1; this.#names.has(unique); n++) unique = `${name}_${this.nodes.length}_${n}`;
    this.#names.add(unique);
    this.nodes.push({ name: unique, op, input, device, attr });
    return unique;
  }

  float(value: number, name = "scalar"): string {
    return this.constant(elementType.float32, [], new Uint8Array(Float32Array.of(value).buffer), name);
  }

  int(values: readonly number[], name = "ints"): string {
    return this.constant(elementType.int32, [values.length], new Uint8Array(Int32Array.from(values).buffer), name);
  }

  /** An int32 scalar: an axis. */
  axis(value: number): string {
    return this.constant(elementType.int32, [], new Uint8Array(Int32Array.of(value).buffer), "axis");
  }

  constant(type: number, shape: readonly number[], content: Uint8Array, name = "constant"): string {
    const tensor = { dtype: type, tensor_shape: shapeProto(shape), tensor_content: content };
    return this.add("Const", [], { dtype: { type }, value: { tensor } }, name);
  }

  zeros(shape: readonly number[]): string {
    return this.add("Fill", [this.int(shape), this.float(0)], {
      T: { type: elementType.float32 },
      index_type: { type: elementType.int32 },
    });
  }

  placeholder(name: string, type: ElementType, shape: readonly number[]): string {
    return this.add("Placeholder", [], { dtype: { type }, shape: { shape: shapeProto(shape) } }, name);
  }

  /** A float32 variable that lives as long as the session. */
  variable(name: string, shape: readonly number[]): Variable {
    const handle = this.add("VarHandleOp", [], {
      dtype: { type: elementType.float32 },
      shape: { shape: shapeProto(shape) },
      shared_name: { s: utf8.encode(name) },
      container: { s: noBytes },
    });
    return { handle, shape };
  }

  read(variable: Variable, after: readonly string[] = []): string {
    return this.add("ReadVariableOp", [variable.handle, ...after.map((name) => `^${name}`)], { dtype: { type: elementType.float32 } });
  }

  assign(variable: Variable, value: string): string {
    return this.add("AssignVariableOp", [variable.handle, value], { dtype: { type: elementType.float32 } });
  }

  /** A float32 op of one output. */
  float32(op: string, input: readonly string[], attr: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.add(op, input, { T: { type: elementType.float32 }, ...attr });
  }

  /** Names a scalar to fetch; fetching it carries out everything in `after`. */
  target(name: string, after: readonly string[]): void {
    this.add("Identity", [this.float(1), ...after.map((node) => `^${node}`)], { T: { type: elementType.float32 } }, name);
  }
}

export interface Variable {
  readonly handle: string;
  readonly shape: readonly number[];
}

export function shapeProto(shape: readonly number[]): ShapeProto {
  return { dim: shape.map((size) => ({ size })) };
}
