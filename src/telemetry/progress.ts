/** How fast a run goes and how long it still takes, from the times at which steps were committed. */
import type { Millis } from "../base/machine.ts";

/** Steps that the rate is averaged over. */
const windowSteps = 50;

export class Progress {
  readonly #steps: number;
  readonly #seen: { readonly at: Millis; readonly step: number; readonly targets: number }[] = [];

  constructor(steps: number) {
    this.#steps = steps;
  }

  committed(now: Millis, step: number, targets: number): void {
    this.#seen.push({ at: now, step, targets });
    if (this.#seen.length > windowSteps) this.#seen.shift();
  }

  /** Targets a second over the last steps; undefined before two of them. */
  get tokensPerSecond(): number | undefined {
    const [first, ...rest] = this.#seen;
    const last = rest.at(-1);
    if (first === undefined || last === undefined) return undefined;
    return rest.reduce((sum, s) => sum + s.targets, 0) / ((last.at - first.at) / 1000);
  }

  /** Seconds until the last step at the present rate. */
  get secondsLeft(): number | undefined {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (first === undefined || last === undefined || last.step === first.step) return undefined;
    return ((last.at - first.at) / 1000 / (last.step - first.step)) * (this.#steps - 1 - last.step);
  }
}
