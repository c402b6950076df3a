/**
 * Kernels that tfjs's WebAssembly backend lacks or carries out slowly, in forms that it does well. They take the place
 * of its own for the whole thread, so that models stay in plain tfjs; the other kernels are the backend's.
 */
import { type DataId, getKernel, type KernelConfig, registerKernel, type TensorInfo, unregisterKernel } from "@tensorflow/tfjs-core";

/** The backend, as far as a kernel needs it. */
interface Heap {
  makeOutput(shape: readonly number[], dtype: string): TensorInfo;
  /** The tensor's values in the heap; gone when the heap grows, so taken after every allocation. */
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Int32Array;
  disposeData(data: DataId): boolean;
}

interface Call {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly backend: Heap;
  readonly attrs: Readonly<Record<string, unknown>>;
}

type Kernel = (call: Call) => TensorInfo;

/** Replaces the kernels; once, when the backend has been set up. */
export function replaceKernels(): void {
  replace("BatchMatMul", matMul(existing("BatchMatMul"), existing("Transpose")));
  replace("Transpose", transpose(existing("Transpose")));
  replace("Tanh", tanh(existing("Sigmoid")));
  register("UnsortedSegmentSum", unsortedSegmentSum);
}

/**
 * The backend multiplies by XNNPACK only two matrices that are not transposed, and ten times slower otherwise: so they
 * are transposed first, and the products of a batch are taken one by one.
 */
function matMul(product: Kernel, transpose: Kernel): Kernel {
  return ({ inputs, backend, attrs: { transposeA, transposeB } }) => {
    const { a, b } = inputs as { a: TensorInfo; b: TensorInfo }; // what the op has
    const made: TensorInfo[] = [];
    const swapped = (x: TensorInfo): TensorInfo => {
      const perm = x.shape.map((_, axis) => axis);
      perm.push(...perm.splice(-2).reverse());
      const turned = transpose({ inputs: { x }, backend, attrs: { perm } });
      made.push(turned);
      return turned;
    };
    const factors = { a: transposeA === true ? swapped(a) : a, b: transposeB === true ? swapped(b) : b };
    const plain: Kernel = ({ inputs }) => product({ inputs, backend, attrs: { transposeA: false, transposeB: false } });
    const isBatch = a.shape.slice(0, -2).join() === b.shape.slice(0, -2).join() && batchOf(a) > 1;
    const result = isBatch ? productsOf(plain, factors.a, factors.b, backend) : plain({ inputs: factors, backend, attrs: {} });
    for (const { dataId } of made) backend.disposeData(dataId);
    return result;
  };
}

/** The products of two batches of as many matrices. */
function productsOf(product: Kernel, a: TensorInfo, b: TensorInfo, backend: Heap): TensorInfo {
  const [[M, K], N] = [a.shape.slice(-2) as [number, number], b.shape.at(-1) as number];
  const out = backend.makeOutput([...a.shape.slice(0, -1), N], a.dtype);
  const matrix = (x: TensorInfo, rows: number, columns: number, index: number): TensorInfo => {
    const copy = backend.makeOutput([rows, columns], x.dtype);
    const from = index * rows * columns;
    backend.typedArrayFromHeap(copy).set(backend.typedArrayFromHeap(x).subarray(from, from + rows * columns));
    return copy;
  };
  for (let i = 0; i < batchOf(a); i++) {
    const factors = { a: matrix(a, M, K, i), b: matrix(b, K, N, i) };
    const one = product({ inputs: factors, backend, attrs: {} });
    backend.typedArrayFromHeap(out).set(backend.typedArrayFromHeap(one), i * M * N);
    for (const { dataId } of [factors.a, factors.b, one]) backend.disposeData(dataId);
  }
  return out;
}

function batchOf({ shape }: TensorInfo): number {
  return shape.slice(0, -2).reduce((product, size) => product * size, 1);
}

/** Five axes and more: the backend's own is slow there. Runs of values that stay together are copied as such. */
function transpose(own: Kernel): Kernel {
  return (call) => {
    const { inputs, backend, attrs } = call;
    const { x } = inputs as { x: TensorInfo }; // what the op has
    const perm = attrs["perm"] as readonly number[];
    const rank = x.shape.length;
    if (rank < 5 || perm[rank - 1] !== rank - 1) return own(call);
    const shape = perm.map((axis) => x.shape[axis] as number);
    const out = backend.makeOutput(shape, x.dtype);
    const [source, target] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(out)];
    const run = shape[rank - 1] as number;
    const strides = perm.map((axis) => x.shape.slice(axis + 1).reduce((product, size) => product * size, 1));
    const place = shape.map(() => 0);
    for (let to = 0, from = 0; to < target.length; to += run) {
      target.set(source.subarray(from, from + run), to);
      for (let axis = rank - 2; axis >= 0; axis--) {
        const [size, stride] = [shape[axis] as number, strides[axis] as number];
        place[axis] = (place[axis] as number) + 1;
        from += stride;
        if ((place[axis] as number) < size) break;
        place[axis] = 0;
        from -= size * stride;
      }
    }
    return out;
  };
}

/** tanh x = 2 σ(2x) − 1, right to 1e-7: XNNPACK has the sigmoid, and the backend's own takes each value alone. */
function tanh(sigmoid: Kernel): Kernel {
  return ({ inputs, backend }) => {
    const { x } = inputs as { x: TensorInfo }; // what the op has
    const double = backend.makeOutput(x.shape, x.dtype);
    const [source, target] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(double)];
    for (let i = 0; i < target.length; i++) target[i] = 2 * (source[i] as number);
    const out = sigmoid({ inputs: { x: double }, backend, attrs: {} });
    backend.disposeData(double.dataId);
    const values = backend.typedArrayFromHeap(out);
    for (let i = 0; i < values.length; i++) values[i] = 2 * (values[i] as number) - 1;
    return out;
  };
}

/** The gradient of a gather: row i of x is added to row `segmentIds[i]` of the result, in order. */
function unsortedSegmentSum({ inputs, backend, attrs }: Call): TensorInfo {
  const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo }; // what the op has
  const out = backend.makeOutput([attrs["numSegments"] as number, ...x.shape.slice(1)], x.dtype);
  const [values, rows, sums] = [x, segmentIds, out].map((tensor) => backend.typedArrayFromHeap(tensor)) as [
    Float32Array,
    Int32Array,
    Float32Array,
  ];
  sums.fill(0);
  const width = values.length / rows.length;
  for (const [i, row] of rows.entries())
    for (let k = 0; k < width; k++) sums[row * width + k] = (sums[row * width + k] as number) + (values[i * width + k] as number);
  return out;
}

function existing(kernelName: string): Kernel {
  const { kernelFunc } = getKernel(kernelName, "wasm");
  return kernelFunc as unknown as Kernel; // the backend's kernels return one tensor
}

function replace(kernelName: string, kernel: Kernel): void {
  unregisterKernel(kernelName, "wasm");
  register(kernelName, kernel);
}

function register(kernelName: string, kernel: Kernel): void {
  registerKernel({ kernelName, backendName: "wasm", kernelFunc: kernel as unknown as KernelConfig["kernelFunc"] });
}
