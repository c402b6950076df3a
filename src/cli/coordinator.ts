/** `babelgrad coordinator`: decides who computes what, keeps the run directory, serves data and states to workers. */
import type { Command } from "commander";
import { coordinate, type FinishedRun } from "../coordinator/io/main.ts";
import type { ChildMessage } from "../worker/io/supervisor.ts";
import { type ConfigFlags, configOf, withConfig, withExamples } from "./config-flags.ts";
import { outputMode } from "./output-mode.ts";
import { runFolder } from "./run-folder.ts";
import { type RunPrinter, runPrinter } from "./run-printer.ts";
import { stopSignal } from "./stop-signal.ts";
import { supervised, tellSupervisor } from "./supervised.ts";
import { version } from "./version.ts";

interface CoordinatorFlags extends ConfigFlags {
  readonly out?: string;
  readonly fork?: true;
  readonly quiet?: true;
}

export function define(command: Command): void {
  withConfig(command)
    .option("--out <DIR>", "run directory (default: runs/NAME of the configuration)")
    .option("--fork", "go on from the run in --out as another run, under other result options or on another machine")
    .option("--quiet", "print nothing but warnings, errors and the last lines")
    .action((file: string | undefined, flags: CoordinatorFlags) => supervised(() => run(file, flags)));
  withExamples(command, [
    "babelgrad coordinator examples/udhr.yaml --out runs/udhr --set net.port=7700",
    "babelgrad coordinator run.yaml --set net.host=0.0.0.0 --set net.insecure=true --set net.port=7700 --set workers.min=4",
  ]);
}

async function run(file: string | undefined, flags: CoordinatorFlags): Promise<void> {
  const config = configOf(file, flags, flags.fork === true ? ["fork=true"] : []);
  const printer = runPrinter(outputMode(flags, process.env, process.stdout.isTTY));
  listenToSupervisor(printer);
  process.stdout.on("resize", () => printer.resize(process.stdout.columns, process.stdout.rows));
  let last: { readonly finished: FinishedRun; readonly languages: readonly string[] } | undefined;
  let members: readonly string[] = [];
  try {
    last = await coordinate({
      config,
      folder: runFolder(file, flags.out),
      softwareVersion: version(),
      stop: stopSignal(),
      onEvent: (event, names) => {
        if (event.kind === "listening") void tellSupervisor(event);
        if (event.kind === "generationBegan") members = event.members;
        if (event.kind === "generationBegan" || event.kind === "stepCommitted") {
          const step = event.kind === "stepCommitted" ? event.record.step + 1 : event.step;
          void tellSupervisor({ kind: "progress", step, members });
        }
        printer.show(event, names);
      },
    });
  } finally {
    printer.finish(last?.finished, last?.languages ?? []);
  }
}

/** What the supervisor has to say stands with the rest: the terminal is the coordinator's. */
function listenToSupervisor(printer: RunPrinter): void {
  if (process.send === undefined) return;
  process.on("message", (message: ChildMessage) => {
    if (message.kind === "say") printer.say(message.line);
    if (message.kind === "resized") printer.resize(message.columns, message.rows);
  });
  process.channel?.unref();
}
