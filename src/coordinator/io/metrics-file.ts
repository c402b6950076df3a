/** metrics.jsonl: one JSON value a line, for people and plots. Best effort: a failure is told once and stops nothing. */
import type { Disk, DiskFile } from "../../base/disk.ts";
import { writeAll } from "../../checkpoint/io/whole-file.ts";

/** Lines that may wait for a slow disk; more are dropped. */
const waitingMax = 10_000;

export class MetricsFile {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #onFailure: (error: unknown) => void;
  #file: DiskFile | undefined;
  #end = 0;
  #waiting: string[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #isFlushing = false;
  #hasFailed = false;

  constructor(disk: Disk, path: string, onFailure: (error: unknown) => void) {
    this.#disk = disk;
    this.#path = path;
    this.#onFailure = onFailure;
  }

  append(value: object): void {
    if (this.#waiting.length < waitingMax) this.#waiting.push(JSON.stringify(value));
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#flushing = this.#flush();
  }

  /** Resolves when all lines are written or given up. */
  async close(): Promise<void> {
    await this.#flushing;
    await this.#file?.close();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = new TextEncoder().encode(`${this.#waiting.splice(0).join("\n")}\n`);
      try {
        const file = await this.#open();
        await writeAll(file, this.#end, bytes);
        this.#end += bytes.length;
      } catch (error) {
        if (!this.#hasFailed) this.#onFailure(error);
        this.#hasFailed = true;
      }
    }
    this.#isFlushing = false;
  }

  /** Goes on after the last whole line: a crash may have cut one. */
  async #open(): Promise<DiskFile> {
    if (this.#file !== undefined) return this.#file;
    const file = await this.#disk.open(this.#path);
    const size = await file.size();
    const tail = await file.read(Math.max(0, size - (1 << 20)), 1 << 20);
    this.#end = size - (tail.length - (tail.lastIndexOf(0x0a) + 1));
    await file.truncate(this.#end);
    this.#file = file;
    return file;
  }
}
