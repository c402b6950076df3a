/**
 * Uniform values as TensorFlow's StatelessRandomUniform makes them on every device: Philox4x32-10 (Salmon et al.,
 * 2011), its key and counter scrambled from the seed by one more Philox, 23 bits a value.
 */

/** `size` float32 values in [0, 1) of the seed [low, high] (two int32). */
export function philoxUniform(low: number, high: number, size: number): Float32Array {
  const [key0, key1, word2, word3] = philox(Uint32Array.of(low, low < 0 ? -1 : 0, high, high < 0 ? -1 : 0), 0x3ec8_f720, 0x0246_1e29);
  const values = new Float32Array(size);
  const words = new Uint32Array(4);
  for (let i = 0; i < size; i += 4) {
    words[0] = i / 4;
    words[1] = 0;
    words[2] = word2 as number;
    words[3] = word3 as number;
    philox(words, key0 as number, key1 as number);
    for (let k = 0; k < 4 && i + k < size; k++) values[i + k] = ((words[k] as number) & 0x7f_ffff) / 0x80_0000;
  }
  return values;
}

/** Ten rounds over the four words of a counter, in place. */
function philox(words: Uint32Array, key0: number, key1: number): Uint32Array {
  let a = words[0] as number;
  let b = words[1] as number;
  let c = words[2] as number;
  let d = words[3] as number;
  for (let round = 0; round < 10; round++) {
    const firstHigh = highWord(0xd251_1f53, a);
    const secondHigh = highWord(0xcd9e_8d57, c);
    const firstLow = Math.imul(0xd251_1f53, a);
    const secondLow = Math.imul(0xcd9e_8d57, c);
    a = secondHigh ^ b ^ key0;
    b = secondLow;
    c = firstHigh ^ d ^ key1;
    d = firstLow;
    key0 = (key0 + 0x9e37_79b9) | 0;
    key1 = (key1 + 0xbb67_ae85) | 0;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
  return words;
}

/** The upper 32 bits of the product of two 32-bit words. */
function highWord(x: number, y: number): number {
  const x0 = x & 0xffff;
  const x1 = x >>> 16;
  const y0 = y & 0xffff;
  const y1 = y >>> 16;
  const middle = x1 * y0 + ((x0 * y0) >>> 16); // this and each other sum is below 2³²
  return (x1 * y1 + (middle >>> 16) + ((x0 * y1 + (middle & 0xffff)) >>> 16)) | 0;
}
