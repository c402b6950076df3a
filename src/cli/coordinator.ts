/** `babelgrad coordinator`: decides who computes what, keeps the run directory, serves data and states to workers. */
import type { Command } from "commander";
import { coordinate } from "../coordinator/io/main.ts";
import { type ConfigFlags, configOf, withConfig, withExamples } from "./config-flags.ts";
import { runFolder } from "./run-folder.ts";
import { runPrinter } from "./run-printer.ts";
import { stopSignal } from "./stop-signal.ts";
import { supervised, tellSupervisor } from "./supervised.ts";
import { version } from "./version.ts";

interface CoordinatorFlags extends ConfigFlags {
  readonly out?: string;
  readonly fork?: true;
}

export function define(command: Command): void {
  withConfig(command)
    .option("--out <DIR>", "run directory (default: runs/NAME of the configuration)")
    .option("--fork", "go on from the run in --out as another run, under other result options or on another machine")
    .action((file: string | undefined, flags: CoordinatorFlags) => supervised(() => run(file, flags)));
  withExamples(command, [
    "babelgrad coordinator examples/udhr.yaml --out runs/udhr --set net.port=7700",
    "babelgrad coordinator run.yaml --set net.host=0.0.0.0 --set net.insecure=true --set net.port=7700 --set workers.min=4",
  ]);
}

async function run(file: string | undefined, flags: CoordinatorFlags): Promise<void> {
  const config = configOf(file, flags, flags.fork === true ? ["fork=true"] : []);
  const printer = runPrinter({ isJson: flags.json === true });
  const { finished, languages } = await coordinate({
    config,
    folder: runFolder(file, flags.out),
    softwareVersion: version(),
    stop: stopSignal(),
    onEvent: (event, names) => {
      if (event.kind === "listening") void tellSupervisor(event);
      printer.show(event, names);
    },
  });
  printer.finish(finished, languages);
}
