/** What a terminal shows: xterm.js without a window. */
import xterm from "@xterm/headless";

export class Screen {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;

  constructor(columns: number, rows: number) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 10_000 });
  }

  /** Resolves when it is shown. */
  write(output: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(output, resolve));
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  /** All lines from the first that scrolled away to the last that is not empty; one that the terminal wrapped is one. */
  get lines(): readonly string[] {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let y = 0; y < active.length; y++) {
      const line = active.getLine(y);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped) lines.push(`${lines.pop() ?? ""}${text}`);
      else lines.push(text);
    }
    return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1);
  }

  /** Whether some of the text is shown in colour. */
  get hasColour(): boolean {
    const { active } = this.#terminal.buffer;
    for (let y = 0; y < active.length; y++)
      for (let x = 0; x < this.#terminal.cols; x++) if (active.getLine(y)?.getCell(x)?.isFgDefault() === false) return true;
    return false;
  }

  /** Where the next output goes: column and row of the visible part. */
  get cursor(): { readonly x: number; readonly y: number } {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    return { x: cursorX, y: cursorY };
  }
}
