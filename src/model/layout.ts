/**
 * Where each parameter lies in the flat vector. Matrices come first and everything else (gains, biases) after them, so
 * that weight decay, which is for matrices only, is an operation on one contiguous range.
 */

/** How a parameter begins: normally distributed around 0, or with the same value everywhere, or value by value. */
export type Beginning = { readonly deviation: number } | { readonly value: number } | { readonly values: readonly number[] };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly beginning: Beginning;
}

export interface Parameter extends ParameterSpec {
  /** First value in the flat vector. */
  readonly offset: number;
  readonly size: number;
  /** Takes weight decay: a matrix or an embedding, as in nanoGPT. */
  readonly decayed: boolean;
}

export interface Layout {
  /** Ascending by offset, without gaps. */
  readonly parameters: readonly Parameter[];
  /** Length of the flat vector. */
  readonly size: number;
  /** Values of decayed parameters: they are the range [0, decayedSize). */
  readonly decayedSize: number;
}

export function layoutOf(specs: readonly ParameterSpec[]): Layout {
  const isDecayed = (spec: ParameterSpec): boolean => spec.shape.length > 1;
  const parameters: Parameter[] = [];
  let offset = 0;
  for (const spec of [...specs.filter(isDecayed), ...specs.filter((spec) => !isDecayed(spec))]) {
    const size = spec.shape.reduce((product, dimension) => product * dimension, 1);
    parameters.push({ ...spec, offset, size, decayed: isDecayed(spec) });
    offset += size;
  }
  const decayedSize = parameters.reduce((sum, parameter) => sum + (parameter.decayed ? parameter.size : 0), 0);
  return { parameters, size: offset, decayedSize };
}
