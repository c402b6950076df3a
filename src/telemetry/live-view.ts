/**
 * A run as a picture of text that is drawn again and again at the foot of a terminal: how far it is, how good each
 * language is, what each worker does. State, size and colour make lines; nothing here knows of a terminal.
 */
import type { Millis } from "../base/machine.ts";
import { bitsPerByte, type Tally } from "../step/tally.ts";
import type { Phase } from "./phase.ts";
import { clock, meanLoss, overallBitsPerByte } from "./report.ts";
import { cut, pad, textWidth } from "./text-width.ts";

export interface ViewSize {
  /** Columns that a line may take, and lines that there may be. */
  readonly width: number;
  readonly height: number;
  readonly hasColour: boolean;
}

interface WorkerRow {
  readonly worker: string;
  readonly phase: Phase;
  readonly leaves: number;
}

interface LanguageRow {
  /** Sums of the last steps, each step counting for less than the one after it. */
  lossNats: number;
  bytes: number;
  sequences: number;
  validation: number | undefined;
}

/** Columns that a language's name and one number need. */
const languageWidthMin = 19;
/** How much less a step counts than the next: the last ten or so are seen. */
const fade = 0.9;

/** What each phase of `telemetry/phase.ts` is called of a worker. */
const doing: { readonly [P in Phase]: string } = {
  compute: "computes",
  exchange: "exchanges",
  commit: "awaits commit",
  data: "reads data",
  checkpoint: "copies state",
  idle: "waits",
};

export class LiveView {
  readonly #languages = new Map<string, LanguageRow>();
  #workers: readonly WorkerRow[] = [];
  #phase: Phase = "idle";
  #step = 0;
  #steps = 0;
  #loss: number | undefined;
  #bits: number | undefined;
  #rate = 0;
  #tokensPerSecond: number | undefined;
  #left: { readonly seconds: number; readonly at: Millis } | undefined;
  #isOver = false;

  committed(
    now: Millis,
    facts: {
      readonly step: number;
      readonly steps: number;
      readonly tally: Tally;
      readonly rate: number;
      readonly tokensPerSecond: number | undefined;
      readonly secondsLeft: number | undefined;
    },
    languages: readonly string[],
  ): void {
    for (const index of languages.keys()) this.#row(languages, index);
    this.#step = facts.step + 1;
    this.#steps = facts.steps;
    this.#loss = meanLoss(facts.tally);
    this.#bits = overallBitsPerByte(facts.tally);
    this.#rate = facts.rate;
    this.#tokensPerSecond = facts.tokensPerSecond;
    this.#left = facts.secondsLeft === undefined ? undefined : { seconds: facts.secondsLeft, at: now };
    for (const { language, lossNats, bytes, sequences } of facts.tally) {
      const row = this.#row(languages, language);
      row.lossNats = row.lossNats * fade + lossNats;
      row.bytes = row.bytes * fade + bytes;
      row.sequences += sequences;
    }
  }

  evaluated(tally: Tally, languages: readonly string[]): void {
    for (const { language, lossNats, bytes } of tally) this.#row(languages, language).validation = bitsPerByte(lossNats, bytes);
  }

  /** What the coordinator and the workers are doing. */
  active(phase: Phase, workers: readonly WorkerRow[]): void {
    this.#phase = phase;
    this.#workers = workers;
  }

  /** No time is left, and nobody does anything. */
  end(): void {
    this.#isOver = true;
    this.#workers = [];
  }

  /** The picture, the most important lines where not all have room. No line is wider than `width`. */
  lines(now: Millis, { width, height, hasColour }: ViewSize): readonly string[] {
    const ink = hasColour ? coloured : plain;
    const top = [this.#barLine(now, width, ink), ...this.#factLines(width)];
    if (this.#steps === 0) return [ink.dim(cut(this.#waiting(), width)), ...this.#workerLines(width, height - 1, ink)].slice(0, height);
    const head = top.slice(0, Math.max(1, height));
    const workers = this.#workerLines(width, Math.min(4, height - head.length), ink);
    return [...head, ...this.#languageLines(width, height - head.length - workers.length, ink), ...workers].slice(0, Math.max(0, height));
  }

  #row(languages: readonly string[], index: number): LanguageRow {
    const name = languages[index] ?? `#${index}`;
    const row = this.#languages.get(name) ?? { lossNats: 0, bytes: 0, sequences: 0, validation: undefined };
    this.#languages.set(name, row);
    return row;
  }

  #waiting(): string {
    if (this.#phase === "data") return "prepares data …";
    return this.#workers.length === 0 ? "waits for workers …" : "workers get ready …";
  }

  /** The bar takes what the words leave: `━━━━━────  84/200  42 %  0:38 left`. */
  #barLine(now: Millis, width: number, ink: Ink): string {
    const share = this.#step / this.#steps;
    const seconds = this.#left === undefined ? undefined : Math.max(0, this.#left.seconds - (now - this.#left.at) / 1000);
    const left = this.#isOver ? "" : `  ${seconds === undefined ? "–:––" : clock(seconds)} left`;
    const percent = `${Math.floor(100 * share)} %`;
    const words =
      [`${this.#step}/${this.#steps}  ${percent}${left}`, `${percent}${left}`, percent].find((w) => w.length + 8 <= width) ?? percent;
    const room = Math.min(60, width - words.length - 2);
    if (room < 3) return cut(words, width);
    const filled = Math.round(share * room);
    return `${ink.good("━".repeat(filled))}${ink.dim("─".repeat(room - filled))}  ${words}`;
  }

  #factLines(width: number): readonly string[] {
    const facts = [
      `loss ${fixed(this.#loss, 4)}`,
      `${fixed(this.#bits, 3)} bits/byte`,
      `${this.#tokensPerSecond === undefined ? "–" : Math.round(this.#tokensPerSecond).toLocaleString("en-US")} tokens/s`,
      `rate ${this.#rate.toExponential(2)}`,
    ];
    return flow(facts, width, 2).lines;
  }

  /** A line a language, as many as have room: `ja  2.341  2.518  ▇▇▇▇▇▇▇   8.3 %`. */
  #languageLines(width: number, room: number, ink: Ink): readonly string[] {
    const rows = [...this.#languages].map(([name, row]) => ({ name, ...row, train: bitsPerByte(row.lossNats, row.bytes) }));
    if (room < 2 || rows.length === 0 || width < languageWidthMin) return [];
    const shown = rows.length + 1 <= room ? rows : rows.slice(0, room - 2);
    const nameWidth = Math.min(12, Math.max(4, ...shown.map(({ name }) => textWidth(name))));
    const sequences = rows.reduce((sum, row) => sum + row.sequences, 0);
    const highest = Math.max(...rows.map(({ train, validation }) => Math.max(finite(train), finite(validation))), 0.001);
    // Columns by importance; those that have no room are left out.
    const has = { validation: width >= nameWidth + 14, share: width >= nameWidth + 23 };
    const used = nameWidth + 7 + (has.validation ? 7 : 0) + (has.share ? 9 : 0);
    const barRoom = Math.min(30, width - used - 2);
    const line = (cells: {
      readonly name: string;
      readonly train: string;
      readonly validation: string;
      readonly bar: string;
      readonly share: string;
    }) =>
      [
        pad(cut(cells.name, nameWidth), nameWidth),
        pad(cells.train, 7, "left"),
        has.validation ? pad(cells.validation, 7, "left") : "",
        has.share ? pad(cells.share, 9, "left") : "",
        cells.bar === "" ? "" : `  ${cells.bar}`,
      ].join("");
    const title = line({ name: "", train: "train", validation: "valid", share: "drawn", bar: barRoom >= 9 ? "bits/byte" : "" });
    const lines = shown.map(({ name, train, validation, sequences: drawn }) =>
      line({
        name,
        train: fixed(train, 3),
        validation: fixed(validation, 3),
        share: sequences === 0 ? "–" : `${((100 * drawn) / sequences).toFixed(1)} %`,
        bar: barRoom < 4 ? "" : ink.accent(bar((validation ?? finite(train)) / highest, barRoom)),
      }),
    );
    const more = rows.length - shown.length;
    return [ink.dim(cut(title, width)), ...lines, ...(more === 0 ? [] : [ink.dim(cut(`… ${more} more languages`, width))])];
  }

  #workerLines(width: number, room: number, ink: Ink): readonly string[] {
    if (room < 1) return [];
    const cells = this.#workers.map(({ worker, phase, leaves }) => {
      const what = leaves === 0 ? "joins" : `${doing[phase]}, ${leaves} ${leaves === 1 ? "leaf" : "leaves"}`;
      return `${worker} ${what}`;
    });
    const { lines, missing } = flow(cells, width, room);
    const more = ` +${missing}`;
    const all =
      missing === 0 || more.length >= width ? lines : [...lines.slice(0, -1), cut(lines.at(-1) ?? "", width - more.length) + more];
    return all.map((line) => ink.dim(line));
  }
}

/** Cells one after the other on at most `room` lines, and how many had no room. */
function flow(cells: readonly string[], width: number, room: number): { readonly lines: readonly string[]; readonly missing: number } {
  const lines: string[] = [];
  for (const [i, cell] of cells.entries()) {
    const joined = `${lines.at(-1)}   ${cell}`;
    if (lines.length > 0 && textWidth(joined) <= width) lines.splice(-1, 1, joined);
    else if (lines.length < room) lines.push(cut(cell, width));
    else return { lines, missing: cells.length - i };
  }
  return { lines, missing: 0 };
}

/** A bar in eighths of a column. */
function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  return "█".repeat(eighths >> 3) + (["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths & 7] ?? "");
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(digits);
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0;
}

interface Ink {
  good(text: string): string;
  accent(text: string): string;
  dim(text: string): string;
}
const sgr = (code: number) => (text: string) => (text === "" ? "" : `\u001b[${code}m${text}\u001b[0m`);
const coloured: Ink = { good: sgr(32), accent: sgr(36), dim: sgr(2) };
const same = (text: string): string => text;
const plain: Ink = { good: same, accent: same, dim: same };
