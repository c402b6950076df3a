/**
 * The order of a language's sequences in one epoch: a seeded permutation in O(1) an element and no memory. A Feistel
 * network permutes the next power of four; an image outside the range is put through again until it falls inside
 * (cycle walking: less than four times on average).
 */
import { assert } from "../base/assert.ts";
import { randomStream } from "../base/random.ts";

const rounds = 6;

/** A permutation of 0 … size − 1, a function of (seed, language, epoch). */
export function sampleOrder(seed: number, language: string, epoch: number, size: number): (index: number) => number {
  assert(size >= 1 && size <= 2 ** 48, `an order of ${size} sequences`);
  let halfBits = 0;
  while (4 ** halfBits < size) halfBits++;
  const half = 2 ** halfBits;
  const stream = randomStream(seed, `order/${language}/${epoch}`);
  const permuteOnce = (index: number): number => {
    let left = Math.floor(index / half);
    let right = index % half;
    for (let round = 0; round < rounds; round++) {
      // half divides 2³², so the remainder is uniform.
      const next = (left + (stream.at(round * half + right) % half)) % half;
      left = right;
      right = next;
    }
    return left * half + right;
  };
  return (index) => {
    assert(index >= 0 && index < size, `index ${index} of ${size}`);
    let image = permuteOnce(index);
    while (image >= size) image = permuteOnce(image);
    return image;
  };
}
