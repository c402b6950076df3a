/** A run's events on standard output: a live view, lines for people, or one JSON event a line. */
import type { FinishedRun } from "../coordinator/io/main.ts";
import { eventFields, type LoggedEvent, type RunEvent } from "../coordinator/run-event.ts";
import { LiveView } from "../telemetry/live-view.ts";
import { bitsPerByteByLanguage, evaluationLines, meanLoss, overallBitsPerByte, sampleLines, stepLine } from "../telemetry/report.ts";
import { printEvent } from "./event.ts";
import { LiveTerminal } from "./live-terminal.ts";
import { hasColour, type OutputMode } from "./output-mode.ts";

export interface RunPrinter {
  show(event: RunEvent, languages: readonly string[]): void;
  /** A line for people about something that is no event of the run. */
  say(line: string): void;
  resize(columns: number, rows: number): void;
  /** Nothing more happens; without a `run`, since it failed. */
  finish(run: FinishedRun | undefined, languages: readonly string[]): void;
}

/** Lines for people come at most this often. */
const lineEveryMs = 1000;

export function runPrinter(mode: OutputMode): RunPrinter {
  switch (mode) {
    case "json":
    case "json-quiet":
      return jsonPrinter(mode === "json");
    case "live":
      return livePrinter();
    case "lines":
    case "quiet":
      return linePrinter(mode === "lines");
  }
}

function jsonPrinter(hasEvents: boolean): RunPrinter {
  return {
    show(event, languages) {
      if (hasEvents && event.kind !== "activity") printEvent(event.kind, eventFields(event, languages));
    },
    say: sayOnErrorOutput,
    resize: () => undefined,
    finish(run, languages) {
      if (run === undefined) return;
      const { step, tokens, weightsSha256, evaluation } = run;
      const validationLoss = evaluation === undefined ? undefined : meanLoss(evaluation);
      const bitsPerByte = evaluation === undefined ? undefined : bitsPerByteByLanguage(evaluation, languages);
      printEvent(run.isComplete ? "finished" : "stopped", { step, tokens, weightsSha256, validationLoss, bitsPerByte });
    },
  };
}

function linePrinter(hasEvents: boolean): RunPrinter {
  let printedAt = Number.NEGATIVE_INFINITY;

  function showStep({ record, steps, workers, tokensPerSecond, secondsLeft }: Extract<RunEvent, { kind: "stepCommitted" }>): void {
    const now = performance.now();
    if (now - printedAt < lineEveryMs && record.step + 1 !== steps) return;
    printedAt = now;
    const { step, tally } = record;
    const { rate } = record.scalars;
    const loss = meanLoss(tally);
    print([stepLine({ step, steps, loss, bitsPerByte: overallBitsPerByte(tally), rate, tokensPerSecond, secondsLeft, workers })]);
  }

  return {
    show(event, languages) {
      if (event.kind === "warned") return sayOnErrorOutput(`warning: ${event.what}`);
      if (!hasEvents || event.kind === "activity") return;
      if (event.kind === "stepCommitted") return showStep(event);
      if (event.kind === "evaluated") return print(evaluationLines(event.step, event.tally, languages));
      print(linesOf(event));
    },
    say: sayOnErrorOutput,
    resize: () => undefined,
    finish(run) {
      if (run !== undefined) print(lastLines(run));
    },
  };
}

/** A line for what happens now and then; the view shows the rest. */
function livePrinter(): RunPrinter {
  const view = new LiveView();
  const colour = hasColour(process.env);
  const terminal = new LiveTerminal(process.stdout, (width, height) => view.lines(performance.now(), { width, height, hasColour: colour }));
  return {
    show(event, languages) {
      switch (event.kind) {
        case "activity":
          return view.active(event.phase, event.workers);
        case "stepCommitted": {
          const { record, steps, tokensPerSecond, secondsLeft } = event;
          const { step, tally, scalars } = record;
          return view.committed(performance.now(), { step, steps, tally, rate: scalars.rate, tokensPerSecond, secondsLeft }, languages);
        }
        case "evaluated":
          view.evaluated(event.tally, languages);
          return terminal.print(evaluationLines(event.step, event.tally, languages).slice(0, 1));
        default: {
          const lines = linesOf(event);
          if (lines.length > 0) terminal.print(lines);
        }
      }
    },
    say: (line) => terminal.print([line]),
    resize: (columns, rows) => terminal.resize(columns, rows),
    finish(run) {
      view.end();
      terminal.close();
      if (run !== undefined) print(lastLines(run));
    },
  };
}

/** The lines for an event that happens now and then. */
function linesOf(event: Exclude<LoggedEvent, { kind: "stepCommitted" | "evaluated" }>): readonly string[] {
  switch (event.kind) {
    case "forked":
      return [`${event.folder} goes on from ${event.run} after ${event.step} steps`];
    case "listening":
      return [`coordinator on port ${event.port} (http: /metrics, /healthz, /readyz), token in ${event.tokenFile}`];
    case "workerConnected":
      return [`worker ${event.worker} is here${event.awaited > 0 ? `; waiting for ${event.awaited} more` : ""}`];
    case "workerGone":
      return [`worker ${event.worker} is gone: ${event.reason}`];
    case "generationBegan":
      return /^(lost|.* returned|begin|a worker|a member)/.test(event.reason)
        ? [`${event.reason}: going on with ${event.members.join(", ")}`]
        : [];
    case "sampled":
      return sampleLines(event.step, event.samples);
    case "checkpointStored":
      return [`checkpoint ${event.name}`];
    case "warned":
      return [`warning: ${event.what}`];
  }
}

function lastLines({ isComplete, step, tokens, weightsSha256 }: FinishedRun): readonly string[] {
  return [
    `${isComplete ? "finished" : "stopped"} after ${step} steps and ${tokens.toLocaleString("en-US")} tokens`,
    ...(weightsSha256 === undefined ? [] : [`weights sha256 ${weightsSha256}`]),
  ];
}

function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
}

function sayOnErrorOutput(line: string): void {
  process.stderr.write(`${line}\n`);
}
