/**
 * Uniform values as TensorFlow's StatelessRandomUniform makes them on every device: Philox4x32-10 (Salmon et al.,
 * 2011), its key and counter scrambled from the seed by one more Philox, 23 bits a value.
 */

type Words = readonly [number, number, number, number];

/** `size` float32 values in [0, 1) of the seed [low, high] (two int32). */
export function philoxUniform(low: number, high: number, size: number): Float32Array {
  const mixed = philox([low >>> 0, low < 0 ? 0xffff_ffff : 0, high >>> 0, high < 0 ? 0xffff_ffff : 0], [0x3ec8_f720, 0x0246_1e29]);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i += 4) {
    const block = philox([i / 4, 0, mixed[2], mixed[3]], [mixed[0], mixed[1]]);
    for (let k = 0; k < 4 && i + k < size; k++) values[i + k] = ((block[k] as number) & 0x7f_ffff) / 0x80_0000;
  }
  return values;
}

function philox(counter: Words, key: readonly [number, number]): Words {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const first = product(0xd251_1f53, a);
    const second = product(0xcd9e_8d57, c);
    [a, b, c, d] = [(second.high ^ b ^ k0) >>> 0, second.low, (first.high ^ d ^ k1) >>> 0, first.low];
    k0 = (k0 + 0x9e37_79b9) >>> 0;
    k1 = (k1 + 0xbb67_ae85) >>> 0;
  }
  return [a, b, c, d];
}

/** The 64-bit product of two 32-bit words. */
function product(x: number, y: number): { high: number; low: number } {
  const wide = BigInt(x) * BigInt(y);
  return { high: Number(wide >> 32n), low: Number(wide & 0xffff_ffffn) };
}
