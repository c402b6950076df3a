/**
 * Keeps a picture at the foot of a terminal while lines scroll above it. The cursor rests on the line below the picture
 * and nothing of the terminal is changed (no hidden cursor, no other screen): whatever ends this process, even SIGKILL,
 * leaves a terminal to go on with.
 */
import { textWidth } from "../telemetry/text-width.ts";

/** What this needs of process.stdout. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
}

/** Between two pictures. */
const drawEveryMs = 200;
/** Terminals that know it show what stands between in one piece; others ignore it. */
const together = ["\u001b[?2026h", "\u001b[?2026l"] as const;
const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";
/** The colours that a picture has. */
const colours = /\p{Cc}\[\d+m/gu;

export class LiveTerminal {
  readonly #terminal: Terminal;
  readonly #picture: (width: number, height: number) => readonly string[];
  readonly #timer: NodeJS.Timeout;
  #columns: number;
  #rows: number;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal, picture: (width: number, height: number) => readonly string[]) {
    this.#terminal = terminal;
    this.#picture = picture;
    // A terminal that does not know its size says 0.
    this.#columns = terminal.columns || 80;
    this.#rows = terminal.rows || 24;
    this.#timer = setInterval(() => this.draw(), drawEveryMs);
    this.#timer.unref();
  }

  /** Lines that stay, above the picture; the terminal wraps what is too wide. */
  print(lines: readonly string[]): void {
    this.#write(lines.map((line) => line.replace(/\p{Cc}/gu, " ")));
  }

  draw(): void {
    this.#write([]);
  }

  resize(columns: number, rows: number): void {
    this.#columns = columns || 80;
    this.#rows = rows || 24;
    this.draw();
  }

  /** The picture stays as it is now. */
  close(): void {
    this.draw();
    clearInterval(this.#timer);
    this.#drawn = [];
  }

  #write(above: readonly string[]): void {
    // The last column stays empty: a full line leaves the cursor in a place that terminals disagree on.
    const picture = this.#picture(Math.max(1, this.#columns - 1), Math.max(1, this.#rows - 1));
    if (above.length === 0 && picture.join("\n") === this.#drawn.join("\n")) return;
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(line.replace(colours, "")) / this.#columns)), 0);
    const up = rows === 0 ? "" : `\u001b[${Math.min(rows, this.#rows - 1)}A`;
    const kept = above.length === 0 ? "" : `${clearBelow}${above.map((line) => `${line}\n`).join("")}`;
    const lines = picture.map((line) => `${line}${clearLine}\n`).join("");
    this.#terminal.write(`${together[0]}\r${up}${kept}${lines}${clearBelow}${together[1]}`);
    this.#drawn = picture;
  }
}
