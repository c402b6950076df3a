/** What a user sees of a run: on a terminal, in a pipe, in a pipe that is closed. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { runFolder } from "./babelgrad-process.ts";
import { TerminalProcess } from "./terminal-process.ts";

const launcher = fileURLToPath(new URL("../../bin/babelgrad", import.meta.url));
const started: TerminalProcess[] = [];
afterEach(() => {
  for (const run of started.splice(0)) run.kill();
});

function onTerminal(columns: number, rows: number, args: readonly string[], environment: NodeJS.ProcessEnv = {}): TerminalProcess {
  const run = new TerminalProcess(args, columns, rows, environment);
  started.push(run);
  return run;
}

/** The process that has all of these texts in its command line. */
function pidOf(...texts: readonly string[]): number {
  const pid = readdirSync("/proc").find((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ");
      return texts.every((text) => command.includes(text)) && !command.startsWith("python3");
    } catch {
      return false; // it has ended meanwhile
    }
  });
  if (pid === undefined) throw new Error(`no process has ${texts.join(" and ")} in its command line`);
  return Number(pid);
}

describe("on a terminal", () => {
  it("80 × 24: what happens scrolls above, one view stays at the foot, the last lines stand below it; nothing is left changed", async () => {
    const { folder, config } = runFolder();
    const run = onTerminal(80, 24, ["train", config, "--out", `${folder}/run`]);
    expect(await run.ended()).toBe(0);
    const { lines } = run.screen;
    const bar = lines.findIndex((line) => /^━+ {2}30\/30 {2}100 %$/.test(line));
    expect(lines.slice(bar + 1)).toEqual([
      expect.stringMatching(/^loss \d\.\d{4} {3}\d\.\d{3} bits\/byte {3}[\d,]+ tokens\/s {3}rate 1\.0\de-3$/),
      expect.stringMatching(/^ +train +valid +drawn +bits\/byte$/),
      expect.stringMatching(/^en +\d\.\d{3} +\d\.\d{3} +\d\d\.\d % {2}█+/),
      expect.stringMatching(/^fr +\d\.\d{3} +\d\.\d{3} +\d\d\.\d % {2}█+/),
      expect.stringMatching(/^finished after 30 steps and [\d,]+ tokens$/),
      expect.stringMatching(/^weights sha256 [0-9a-f]{64}$/),
    ]);
    const above = lines.slice(0, bar);
    expect(above).toEqual(expect.arrayContaining(["checkpoint checkpoints/step-000010", "samples after step 30:"]));
    // No picture, and no part of one, is left among them.
    expect(above.filter((line) => /━|█|─|tokens\/s/.test(line))).toEqual([]);
    expect(run.screen.hasColour).toBe(true);
    expect(run.errorOutput).toBe("same modes\n");
    // Nothing is switched that would have to be switched back.
    expect(run.output.replaceAll("\u001b[?2026", "")).not.toContain("\u001b[?");
  });

  it.each([40, 20])("%d columns: no line of the view is wrapped", async (columns) => {
    const { folder, config } = runFolder();
    const run = onTerminal(columns, 12, ["train", config, "--out", `${folder}/run`, "--workers", "1"]);
    expect(await run.ended()).toBe(0);
    const { lines } = run.screen;
    const bar = lines.findIndex((line) => /^━+ .*100 %$/.test(line));
    const finished = lines.findIndex((line) => line.startsWith("finished"));
    expect(bar).toBeGreaterThan(0);
    const view = lines.slice(bar, finished);
    expect(view.length).toBeLessThan(12);
    for (const line of view) expect(line.length).toBeLessThan(columns);
    expect(view.some((line) => line.startsWith("fr "))).toBe(true);
  });

  it("a terminal that is made narrower and lower while it trains: the view fits again", async () => {
    const { folder, config } = runFolder();
    const run = onTerminal(100, 24, ["train", config, "--out", `${folder}/run`, "--set", "steps=3000", "--workers", "1"]);
    await run.until(/\d+\/3000.*left$/);
    run.resize(30, 4);
    await run.until(/^━*─+ {2}\d+ % {2}\d+:\d\d left$/);
    run.interrupt();
    await run.until(/^stopped after/);
    expect(await run.ended()).toBe(0);
  });

  it("Ctrl-C: the step is finished, what train says stands above the view, the terminal is as it was", async () => {
    const { folder, config } = runFolder();
    const run = onTerminal(80, 24, ["train", config, "--out", `${folder}/run`, "--set", "steps=3000", "--workers", "1"]);
    await run.until(/\d+\/3000.*left$/);
    run.interrupt();
    expect(await run.ended()).toBe(0);
    const { lines } = run.screen;
    const place = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
    // The terminal itself shows ^C, at the cursor below the view.
    expect(place(/^(\^C)?stopping once the step is finished/)).toBeGreaterThan(0);
    expect(place(/^(\^C)?stopping once the step is finished/)).toBeLessThan(place(/\d+\/3000/));
    expect(place(/^stopped after \d+ steps/)).toBeGreaterThan(place(/\d+\/3000/));
    expect(run.errorOutput).toBe("same modes\n");
  });

  it("a worker that is killed: said above the view, which is not torn", async () => {
    const { folder, config } = runFolder();
    const run = onTerminal(80, 24, ["train", config, "--out", `${folder}/run`, "--set", "steps=3000"]);
    await run.until(/\d+\/3000.*left$/);
    process.kill(pidOf(folder, " worker ", "--name w2"), "SIGKILL");
    await run.until(/^w2 ended \(SIGKILL\); it is started again$/);
    await run.until(/^lost w2: going on with w1$/);
    run.interrupt();
    expect(await run.ended()).toBe(0);
    expect(run.screen.lines.filter((line) => /\d+\/3000/.test(line))).toHaveLength(1);
  });

  it("a coordinator that is killed: the next one's view stands below", async () => {
    const { folder, config } = runFolder();
    const run = onTerminal(80, 40, ["train", config, "--out", `${folder}/run`, "--set", "steps=3000", "--workers", "1"]);
    await run.until(/\d+\/3000.*left$/);
    process.kill(pidOf(folder, " coordinator "), "SIGKILL");
    await run.until(/^coordinator ended \(SIGKILL\); it is started again$/);
    await run.until(/^begin: going on with w1$/, 2);
    run.interrupt();
    expect(await run.ended()).toBe(0);
    expect(run.screen.lines.some((line) => line.startsWith("stopped after"))).toBe(true);
  });

  it("an error before the run begins: shown once, in full, exit 2", async () => {
    const { folder, config } = runFolder();
    const run = onTerminal(80, 24, ["train", config, "--out", `${folder}/run`, "--set", "model.heads=3"]);
    expect(await run.ended()).toBe(2);
    expect(run.screen.lines.filter((line) => line.startsWith("option"))).toHaveLength(1);
  });

  it.each([
    ["NO_COLOR", { NO_COLOR: "1" }, "live", false],
    ["TERM=dumb", { TERM: "dumb" }, "lines", false],
    ["CI", { CI: "1" }, "lines", false],
  ] as const)("%s: %s", async (_, environment, kind, colour) => {
    const { folder, config } = runFolder();
    const run = onTerminal(80, 24, ["train", config, "--out", `${folder}/run`, "--set", "steps=4", "--workers", "1"], environment);
    expect(await run.ended()).toBe(0);
    expect(run.screen.hasColour).toBe(colour);
    expect(run.screen.lines.some((line) => line.startsWith("━"))).toBe(kind === "live");
    expect(run.output.includes("\u001b")).toBe(kind === "live");
    expect(run.screen.lines.some((line) => /^step 4\/4 {2}loss/.test(line))).toBe(kind === "lines");
  });
});

interface Ended {
  readonly status: number | null;
  readonly out: readonly string[];
  readonly err: string;
}

/** Runs it in a pipe; its reader leaves after `linesMax` lines. */
function inPipe(args: readonly string[], linesMax = Number.POSITIVE_INFINITY): Promise<Ended> {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const out: string[] = [];
  let err = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (out.length < linesMax) out.push(line);
    if (out.length === linesMax) child.stdout.destroy();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out, err })));
}

describe("in a pipe", () => {
  it("plain lines without control characters", async () => {
    const { folder, config } = runFolder();
    const { status, out, err } = await inPipe(["train", config, "--out", `${folder}/run`]);
    expect([status, err]).toEqual([0, ""]);
    expect(out.join("\n")).not.toMatch(/\p{Cc}(?<!\n)/u);
    expect(out).toContain("checkpoint checkpoints/step-000010");
    expect(out.some((line) => /^step 30\/30 {2}loss/.test(line))).toBe(true);
    expect(out.at(-1)).toMatch(/^weights sha256/);
  });

  it.each([[["train"]], [["train", "--json"]]])(
    "whose reader leaves after 3 lines (%s): no complaint, and the run goes on to its end",
    async ([command = "", ...flags]) => {
      const { folder, config } = runFolder();
      const { status, out, err } = await inPipe([command, config, "--out", `${folder}/run`, ...flags], 3);
      expect(out).toHaveLength(3);
      expect([status, err]).toEqual([0, ""]);
      const events = readFileSync(`${folder}/run/metrics.jsonl`, "utf8").trim().split("\n");
      expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ event: "checkpointStored", step: 30 });
    },
  );

  it("--quiet: the last lines alone; with --json the last event alone", async () => {
    const { folder, config } = runFolder();
    const args = ["train", config, "--workers", "1", "--set", "steps=4", "--quiet"];
    const quiet = await inPipe([...args, "--out", `${folder}/a`]);
    expect(quiet).toEqual({
      status: 0,
      err: "",
      out: [expect.stringMatching(/^finished after 4 steps/), expect.stringMatching(/^weights/)],
    });
    const json = await inPipe([...args, "--out", `${folder}/b`, "--json"]);
    expect(json.out.map((line) => JSON.parse(line) as unknown)).toEqual([expect.objectContaining({ event: "finished", step: 4 })]);
  });
});
