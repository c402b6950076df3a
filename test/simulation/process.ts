/** A process: alive or dead, awake or stopped (SIGSTOP). What reaches it while it is stopped waits for it. */

export class Process {
  readonly name: string;
  isAlive = true;
  isPaused = false;
  #inbox: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  post(action: () => void): void {
    if (!this.isAlive) return;
    if (this.isPaused) this.#inbox.push(action);
    else action();
  }

  die(): void {
    this.isAlive = false;
    this.#inbox = [];
  }

  pause(): void {
    this.isPaused = true;
  }

  wake(): void {
    this.isPaused = false;
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const action of inbox) this.post(action);
  }
}
