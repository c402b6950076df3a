/** bin/babelgrad on a terminal of its own (a pseudo-terminal that Python opens): what its screen shows, waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Screen } from "../screen.ts";

const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));

/**
 * Opens the terminal, runs the command there and copies what it writes to standard output. On standard input: `COLUMNS ROWS` makes
 * it another size, an empty line is Ctrl-C. At the end it says on standard error whether the terminal is as it was.
 */
const driver = `
import fcntl, os, pty, select, struct, sys, termios
def resize(columns, rows): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    sys.stdin.readline()
    os.execvp(sys.argv[3], sys.argv[3:])
resize(int(sys.argv[1]), int(sys.argv[2]))
before = termios.tcgetattr(fd)
os.write(fd, b"\\n")
after, isOpen = before, True
while True:
    ready, _, _ = select.select([fd] + ([0] if isOpen else []), [], [])
    if 0 in ready:
        line = sys.stdin.readline()
        if line == "": isOpen = False
        elif line == "\\n": os.write(fd, b"\\x03")
        else: resize(*map(int, line.split()))
    if fd in ready:
        try: after, data = termios.tcgetattr(fd), os.read(fd, 65536)
        except OSError: break
        if data == b"": break
        os.write(1, data)
status = os.waitpid(pid, 0)[1]
sys.stderr.write("same modes\\n" if before == after else "other modes\\n")
sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;

export class TerminalProcess {
  readonly screen: Screen;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;
  #watchers: (() => void)[] = [];
  #hasEnded = false;
  /** What is written is shown in its order. */
  #shown: Promise<void> = Promise.resolve();
  output = "";
  errorOutput = "";

  constructor(args: readonly string[], columns: number, rows: number, environment: NodeJS.ProcessEnv = {}) {
    this.screen = new Screen(columns, rows);
    const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, ...rest } = process.env;
    const command = ["-u", "-c", driver, String(columns), String(rows), process.execPath, launcher, ...args];
    this.#child = spawn("python3", command, { env: { ...rest, TERM: "xterm-256color", ...environment }, stdio: "pipe" });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.output += chunk.toString("latin1");
      this.#shown = this.#shown.then(() => this.screen.write(chunk)).then(() => this.#wake());
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.errorOutput += chunk.toString();
    });
    this.#ended = new Promise((resolve) =>
      this.#child.on("close", (code) => {
        this.#hasEnded = true;
        void this.#shown.then(() => {
          resolve(code ?? -1);
          this.#wake();
        });
      }),
    );
  }

  /** The lines, as soon as one matches, or so many do. */
  async until(pattern: RegExp, times = 1): Promise<readonly string[]> {
    while (this.screen.lines.filter((line) => pattern.test(line)).length < times) {
      if (this.#hasEnded) throw new Error(`it ended without ${pattern}: ${this.screen.lines.join("\n")}\n${this.errorOutput}`);
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
    return this.screen.lines;
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    this.#child.stdin?.write(`${columns} ${rows}\n`);
  }

  interrupt(): void {
    this.#child.stdin?.write("\n");
  }

  /** The exit status, once all is shown. */
  ended(): Promise<number> {
    return this.#ended;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
