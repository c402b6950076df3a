/** A run's events on standard output: lines for people, or one JSON event a line. */
import type { FinishedRun } from "../coordinator/io/main.ts";
import { eventFields, type RunEvent } from "../coordinator/run-event.ts";
import { bitsPerByteByLanguage, evaluationLines, meanLoss, overallBitsPerByte, sampleLines, stepLine } from "../telemetry/report.ts";
import { printEvent } from "./event.ts";

export interface RunPrinter {
  show(event: RunEvent, languages: readonly string[]): void;
  finish(run: FinishedRun, languages: readonly string[]): void;
}

/** Lines for people come at most this often. */
const lineEveryMs = 1000;

export function runPrinter({ isJson }: { readonly isJson: boolean }): RunPrinter {
  let printedAt = Number.NEGATIVE_INFINITY;
  const print = (lines: readonly string[]): void => {
    process.stdout.write(`${lines.join("\n")}\n`);
  };

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
      if (event.kind === "activity") return;
      if (isJson) return printEvent(event.kind, eventFields(event, languages));
      switch (event.kind) {
        case "forked":
          return print([`${event.folder} goes on from ${event.run} after ${event.step} steps`]);
        case "listening":
          return print([`coordinator on port ${event.port}, token in ${event.tokenFile}`]);
        case "workerConnected":
          return print([`worker ${event.worker} is here`]);
        case "workerGone":
          return print([`worker ${event.worker} is gone: ${event.reason}`]);
        case "generationBegan":
          if (/^(lost|.* returned|begin|a worker|a member)/.test(event.reason))
            print([`${event.reason}: going on with ${event.members.join(", ")}`]);
          return;
        case "stepCommitted":
          return showStep(event);
        case "evaluated":
          return print(evaluationLines(event.step, event.tally, languages));
        case "sampled":
          return print(sampleLines(event.step, event.samples));
        case "checkpointStored":
          return print([`checkpoint ${event.name}`]);
        case "warned":
          process.stderr.write(`warning: ${event.what}\n`);
      }
    },
    finish({ isComplete, step, tokens, weightsSha256, evaluation }, languages) {
      const event = isComplete ? "finished" : "stopped";
      const validationLoss = evaluation === undefined ? undefined : meanLoss(evaluation);
      const bitsPerByte = evaluation === undefined ? undefined : bitsPerByteByLanguage(evaluation, languages);
      if (isJson) printEvent(event, { step, tokens, weightsSha256, validationLoss, bitsPerByte });
      else
        print([
          `${event} after ${step} steps and ${tokens.toLocaleString("en-US")} tokens`,
          ...(weightsSha256 === undefined ? [] : [`weights sha256 ${weightsSha256}`]),
        ]);
    },
  };
}
