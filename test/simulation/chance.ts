/** Random decisions of one seed. Each purpose has a stream of its own, so that a change of one leaves the others alone. */
import { assert } from "../../src/base/assert.ts";
import { type RandomStream, randomStream } from "../../src/base/random.ts";

export class Chance {
  readonly #stream: RandomStream;
  #drawn = 0;

  constructor(seed: number, purpose: string) {
    this.#stream = randomStream(seed, purpose);
  }

  /** In [0, 1). */
  unit(): number {
    return this.#stream.at(this.#drawn++) / 0x1_0000_0000;
  }

  /** A whole number in [low, high]. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  isTrue(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, "something to pick from");
    return items[this.whole(0, items.length - 1)] as T; // the index is inside
  }
}
