/** A run's events on standard output: lines for people, or one JSON event a line. */
import type { Config } from "../config/options.ts";
import type { FinishedRun, RunEvent } from "../coordinator/io/main.ts";
import { Progress } from "../telemetry/progress.ts";
import { bitsPerByteByLanguage, evaluationLines, meanLoss, overallBitsPerByte, sampleLines, stepLine } from "../telemetry/report.ts";
import { printEvent } from "./event.ts";

export interface RunPrinter {
  show(event: RunEvent, languages: readonly string[]): void;
  finish(run: FinishedRun, languages: readonly string[]): void;
}

/** Lines for people come at most this often. */
const lineEveryMs = 1000;

export function runPrinter({ config, isJson }: { readonly config: Config; readonly isJson: boolean }): RunPrinter {
  const progress = new Progress(config.steps);
  let printedAt = Number.NEGATIVE_INFINITY;
  const print = (lines: readonly string[]): void => {
    process.stdout.write(`${lines.join("\n")}\n`);
  };

  function showStep({ record, workers }: Extract<RunEvent, { kind: "stepCommitted" }>): void {
    const now = performance.now();
    const targets = record.tally.reduce((sum, t) => sum + t.targets, 0);
    progress.committed(now, record.step, targets);
    const facts = {
      step: record.step,
      steps: config.steps,
      loss: meanLoss(record.tally),
      bitsPerByte: overallBitsPerByte(record.tally),
      rate: record.scalars.rate,
      tokensPerSecond: progress.tokensPerSecond,
      secondsLeft: progress.secondsLeft,
      workers,
    };
    if (isJson)
      printEvent("stepCommitted", {
        ...facts,
        gradientNorm: record.gradientNorm,
        tokens: targets,
        isSkipped: record.isSkipped,
        course: record.course,
        recomputed: record.computations.filter((times) => times > 1).length,
      });
    else if (now - printedAt >= lineEveryMs || record.step + 1 === config.steps) {
      printedAt = now;
      print([stepLine(facts)]);
    }
  }

  return {
    show(event, languages) {
      switch (event.kind) {
        case "forked":
          if (isJson) printEvent("forked", { folder: event.folder, run: event.run, step: event.step });
          else print([`${event.folder} goes on from ${event.run} after ${event.step} steps`]);
          return;
        case "listening":
          if (isJson)
            printEvent("listening", { port: event.port, folder: event.folder, tokenFile: event.tokenFile, data: event.dataFolder });
          else print([`coordinator on port ${event.port}, token in ${event.tokenFile}`]);
          return;
        case "workerConnected":
          if (isJson) printEvent("workerConnected", { worker: event.worker });
          else print([`worker ${event.worker} is here`]);
          return;
        case "workerGone":
          if (isJson) printEvent("workerGone", { worker: event.worker, reason: event.reason });
          else print([`worker ${event.worker} is gone: ${event.reason}`]);
          return;
        case "generationBegan":
          if (isJson) printEvent("generationBegan", { workers: event.workers, members: event.members, reason: event.reason });
          else if (/^(lost|.* returned|begin|a worker|a member)/.test(event.reason))
            print([`${event.reason}: going on with ${event.members.join(", ")}`]);
          return;
        case "stepCommitted":
          return showStep(event);
        case "evaluated":
          if (isJson)
            printEvent("evaluated", {
              step: event.step,
              validationLoss: meanLoss(event.tally),
              bitsPerByte: bitsPerByteByLanguage(event.tally, languages),
            });
          else print(evaluationLines(event.step, event.tally, languages));
          return;
        case "sampled":
          if (isJson) printEvent("sampled", { step: event.step, samples: event.samples });
          else print(sampleLines(event.step, event.samples));
          return;
        case "checkpointStored":
          if (isJson) printEvent("checkpointStored", { step: event.step, name: event.name, weightsSha256: event.weightsSha256 });
          else print([`checkpoint ${event.name}`]);
          return;
        case "warned":
          if (isJson) printEvent("warned", { what: event.what });
          else process.stderr.write(`warning: ${event.what}\n`);
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
