/**
 * Records what an eager function does, op by op. Every TensorFlow op that a tfjs kernel executes goes through
 * `executeOp` of the addon, every value that comes from JavaScript through `createTensor`; a stand-in for the addon
 * writes both down as nodes, with the shapes that eager execution has just computed.
 *
 * What comes from JavaScript is frozen into the graph. So that nothing is frozen that should not be, a table of
 * floating point values is refused: it is random numbers, or a tensor from outside the step.
 */
import { BabelgradError } from "../../base/errors.ts";
import type { Attribute, AttributeTypes, Binding, TensorInfo } from "../addon.ts";
import { type AttributeValue, elementType, type Graph, shapeProto } from "./graph.ts";

/** Ops that give other values each time they run. */
const randomOps = /^(Random|Multinomial|TruncatedNormal|ParameterizedTruncatedNormal|StatefulRandom|Stateful.*Uniform)/;
const tableValuesMax = 16;
const utf8 = new TextEncoder();

export class Recording {
  /** Stands in for the addon while a function is recorded. */
  readonly binding: Binding;
  readonly #graph: Graph;
  readonly #nodes = new Map<number, string>();
  readonly #constants = new Map<number, { readonly shape: readonly number[]; readonly type: number; readonly values: Values }>();

  constructor(graph: Graph, binding: Binding) {
    this.#graph = graph;
    // The addon's own properties are read-only, so the stand-in has it as its prototype.
    this.binding = Object.create(binding, {
      createTensor: { value: (...call: Parameters<Binding["createTensor"]>) => this.#createTensor(binding, ...call) },
      executeOp: { value: (...call: Parameters<Binding["executeOp"]>) => this.#executeOp(binding, ...call) },
    }) as Binding; // an object with the addon as its prototype has all of its members
  }

  /** Says that a tensor is this node of the graph: an input of the function. */
  name(tensor: number, node: string): void {
    this.#nodes.set(tensor, node);
  }

  /** The node that stands for a tensor. */
  node(tensor: number): string {
    const known = this.#nodes.get(tensor);
    if (known !== undefined) return known;
    const constant = this.#constants.get(tensor);
    if (constant === undefined) throw new BabelgradError("step-not-recordable", "a tensor from outside the step was used in it");
    const name = freeze(this.#graph, constant.type, constant.shape, constant.values);
    this.#nodes.set(tensor, name);
    return name;
  }

  #createTensor(binding: Binding, shape: readonly number[], type: number, values: Values): number {
    const tensor = binding.createTensor(shape, type, values);
    // tfjs hands plain arrays of numbers through for floats.
    const copy = ArrayBuffer.isView(values) ? values.slice() : Float32Array.from(values as ArrayLike<number>);
    this.#constants.set(tensor, { shape: [...shape], type, values: copy });
    return tensor;
  }

  #executeOp(binding: Binding, op: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): TensorInfo[] {
    if (randomOps.test(op)) throw new BabelgradError("step-not-recordable", `the step uses the random op ${op}`);
    const results = binding.executeOp(op, attributes, inputs, outputs);
    const attr = Object.fromEntries(attributes.filter((a) => a.value !== undefined).map((a) => [a.name, attributeValue(binding, a)]));
    const node = this.#graph.add(
      op,
      inputs.map((input) => this.node(input)),
      attr,
    );
    for (const [i, { id }] of results.entries()) this.#nodes.set(id, i === 0 ? node : `${node}:${i}`);
    return results;
  }
}

type Values = Float32Array | Int32Array | Uint8Array;

/** A value from JavaScript as a node. Uniform ones become `Fill`: a graph of 82 MB shrinks to 0.2 MB. */
function freeze(graph: Graph, type: number, shape: readonly number[], values: Values): string {
  const first = values[0];
  const isUniform = values.length > 1 && type !== 9 && values.every((value) => Object.is(value, first));
  if (isUniform) {
    const value = graph.constant(type, [], bytesOf(values.subarray(0, 1)));
    return graph.add("Fill", [graph.int(shape), value], { T: { type }, index_type: { type: elementType.int32 } });
  }
  if (type === elementType.float32 && values.length > tableValuesMax)
    throw new BabelgradError(
      "step-not-recordable",
      `a table of ${values.length} numbers (shape ${shape.join("×")}) from outside the step would be frozen into it`,
    );
  return graph.constant(type, shape, bytesOf(values));
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
}

function attributeValue(types: AttributeTypes, { name, type, value }: Attribute): AttributeValue {
  const one = (key: string): AttributeValue => (Array.isArray(value) ? { list: { [key]: value } } : { [key]: value }) as AttributeValue; // key and value belong together: both follow `type`
  switch (type) {
    case types.TF_ATTR_BOOL:
      return one("b");
    case types.TF_ATTR_INT:
      return one("i");
    case types.TF_ATTR_FLOAT:
      return one("f");
    case types.TF_ATTR_TYPE:
      return one("type");
    case types.TF_ATTR_STRING:
      return { s: utf8.encode(String(value)) };
    case types.TF_ATTR_SHAPE:
      return { shape: shapeProto(value as number[]) }; // a shape attribute is a list of sizes
    default:
      throw new BabelgradError("step-not-recordable", `attribute ${name} has the unknown type ${type}`);
  }
}
