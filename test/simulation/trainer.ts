/** The trainer of one simulated worker: calls are carried out one after the other and take virtual time. */
import type { Millis } from "../../src/base/machine.ts";
import type { StateExpression } from "./expression.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

interface Call {
  readonly name: string;
  readonly takesMs: Millis;
  readonly run: () => void;
}

export class Trainer {
  state: StateExpression | undefined;
  readonly #world: World;
  readonly #process: Process;
  readonly #calls: Call[] = [];
  #isBusy = false;
  /** A scenario may stop it between two calls. */
  isHeld = false;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
  }

  call(name: string, takesMs: Millis, run: () => void): void {
    this.#calls.push({ name, takesMs, run });
    this.#next();
  }

  get waiting(): string {
    return this.#calls.map((c) => c.name).join(", ");
  }

  resume(): void {
    this.isHeld = false;
    this.#next();
  }

  #next(): void {
    while (!this.#isBusy && !this.isHeld) {
      const call = this.#calls[0];
      if (call === undefined) return;
      this.#isBusy = true;
      this.#world.clock.after(call.takesMs, () =>
        this.#process.post(() => {
          this.#isBusy = false;
          this.#calls.shift();
          call.run();
          this.#next();
        }),
      );
    }
  }
}
