/**
 * Named random streams. A value is a function of (seed, name, index) and of nothing else, so any process can ask for
 * the millionth value without drawing the ones before it. Mixing function: murmur3's 32-bit finalizer over the words
 * (integer arithmetic only, the same on every engine).
 */

/** A stream: `at(i)` is its i-th value, an integer in [0, 2³²). */
export interface RandomStream {
  at(index: number): number;
}

export function randomStream(seed: number, name: string): RandomStream {
  let key = mix(seed >>> 0, Math.floor(seed / 0x1_0000_0000) >>> 0);
  for (let i = 0; i < name.length; i++) key = mix(key, name.charCodeAt(i));
  return { at: (index) => mix(mix(key, index >>> 0), Math.floor(index / 0x1_0000_0000) >>> 0) };
}

/** The i-th value of a stream as a float64 in [0, 1) with 32 random bits. */
export function unit(stream: RandomStream, index: number): number {
  return stream.at(index) / 0x1_0000_0000;
}

/** Mixes a word into a 32-bit state. */
export function mix(state: number, word: number): number {
  let h = Math.imul(state ^ Math.imul(word ^ (word >>> 15), 0x2c1b3c6d), 0x9e3779b1) + 0x85ebca6b;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
