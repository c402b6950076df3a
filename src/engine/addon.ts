/** tfjs-node's native addon as far as we use it: tensors, TensorFlow ops and sessions, by number. */

export interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | number[] | undefined;
}

export interface AttributeTypes {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_SHAPE: number;
}

export interface Binding extends AttributeTypes {
  readonly TF_Version: string;
  /** A tensor over the memory of `values` when that is aligned to 64 bytes, else over a copy. */
  createTensor(shape: readonly number[], type: number, values: Float32Array | Int32Array | Uint8Array): number;
  deleteTensor(tensor: number): void;
  tensorDataSync(tensor: number): Float32Array | Int32Array | Uint8Array;
  executeOp(op: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): TensorInfo[];
  loadSavedModel(folder: string, tags: string): number;
  runSavedModel(session: number, inputs: readonly number[], inputNames: string, outputNames: string): TensorInfo[];
  deleteSavedModel(session: number): void;
  getNumOfTensors(): number;
  isUsingGpuDevice(): boolean;
}

export interface TensorInfo {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}
