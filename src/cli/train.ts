/** `babelgrad train`: a coordinator and local workers in one command; what dies is started again. */
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { isLoopback } from "../config/combinations.ts";
import { type ChildMessage, Supervisor } from "../worker/io/supervisor.ts";
import { type ConfigFlags, configOf, withConfig, withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { outputMode } from "./output-mode.ts";
import { launcher } from "./program.ts";
import { runFolder } from "./run-folder.ts";
import { interrupted } from "./stop-signal.ts";

export interface TrainFlags extends ConfigFlags {
  readonly out?: string;
  readonly workers?: string;
  readonly fork?: true;
  readonly quiet?: true;
}

/** Who follows a run from within this process, and may disturb it. */
export interface RunWatcher {
  onListening(port: number, commands: RunCommands): void;
  onProgress(progress: Extract<ChildMessage, { kind: "progress" }>, commands: RunCommands): void;
}
export interface RunCommands {
  /** A line for people, among those of the run; nothing with --quiet and --json. */
  tell(line: string): void;
  /** SIGKILL to the process of this name; false: it does not run. */
  kill(name: string): boolean;
}

export function define(command: Command): void {
  withConfig(command)
    .option("--out <DIR>", "run directory (default: runs/NAME of the configuration); an existing run goes on")
    .option("--workers <COUNT>", "local workers (workers.count)")
    .option("--fork", "go on from the run in --out as another run, under other result options or on another machine")
    .option("--quiet", "print nothing but warnings, errors and the last lines")
    .action(async (file: string | undefined, flags: TrainFlags) => {
      process.exitCode = await train(file, flags);
    });
  withExamples(command, [
    "babelgrad train examples/udhr.yaml --out runs/udhr",
    "babelgrad train run.yaml --workers 4 --set steps=5000 --set optimizer.rate=3e-4",
    "babelgrad train run.yaml --json > events.jsonl",
    "babelgrad train run.yaml --quiet",
  ]);
}

const coordinator = "coordinator";
/** After SIGTERM or a first Ctrl-C the run may take so long to finish its step and write its checkpoint. */
const stopDeadlineMs = 70_000;
/** After the coordinator has ended its workers may take so long to leave. */
const leaveDeadlineMs = 15_000;

/** Trains to the end; resolves to the exit status. Throws coded errors. */
export async function train(file: string | undefined, flags: TrainFlags, watcher?: RunWatcher): Promise<number> {
  const mode = outputMode(flags, process.env, process.stdout.isTTY);
  const workerSettings = flags.workers === undefined ? [] : [`workers.count=${flags.workers}`];
  const config = configOf(file, flags, [...workerSettings, ...(flags.fork === true ? ["fork=true"] : [])]);
  const count = config["workers.count"];
  const folder = runFolder(file, flags.out);
  const isForking = config.fork;
  const sets = [
    ...(flags.set ?? []),
    ...workerSettings,
    ...(isForking ? ["fork=true"] : []),
    ...(config["workers.min"] === 1 ? [`workers.min=${count}`] : []),
  ];
  let listening: Extract<ChildMessage, { kind: "listening" }> | undefined;
  /** Why processes ended, by name; the first is shown. */
  const failures = new Map<string, BabelgradError>();
  let hasEnded = false;
  let asked = 0;

  return new Promise<number>((resolve, reject) => {
    const supervisor = new Supervisor({
      onMessage(name, message) {
        if (message.kind === "failed") failures.set(name, failureOf(name, message));
        if (message.kind === "progress") watcher?.onProgress(message, commands);
        if (message.kind !== "listening") return;
        const isFirst = listening === undefined;
        listening = message;
        if (!isFirst) return;
        watcher?.onListening(message.port, commands);
        for (let i = 1; i <= count; i++) startWorker(`w${i}`);
      },
      onErrorLine(name, line) {
        // The coordinator's last words must not wait for a coordinator to say them.
        if (name === coordinator) process.stderr.write(`${line}\n`);
        else say(line);
      },
      onStart(name, pid) {
        if (mode === "json") printEvent("processStarted", { name, pid });
      },
      onRestart(name, end, restarts) {
        const failure = failures.get(name);
        const why = failure === undefined ? end : `${end}, ${failure.code}: ${failure.message}`;
        failures.delete(name);
        if (mode === "json") printEvent("processRestarted", { name, why, restarts });
        else say(`${name} ended (${why}); it is started again`);
      },
      onEnd(name, { code, why }) {
        if (name === coordinator) {
          if (code === undefined && asked < 2) fail(name, `the coordinator ended (${why})`);
          return endWith(code ?? interrupted);
        }
        // One that is asked to leave, or whose run is over, may leave as it likes.
        if (code === 0 || hasEnded || asked > 0) return void failures.delete(name);
        fail(name, `worker ${name} ended (${why})`);
        supervisor.tell(coordinator, { kind: "stop" });
      },
    });

    const commands: RunCommands = {
      tell(line) {
        if (mode === "live") say(line);
        if (mode === "lines") process.stdout.write(`${line}\n`);
      },
      kill: (name) => supervisor.killOne(name),
    };
    const resized = (): void => {
      const { columns, rows } = process.stdout;
      supervisor.tell(coordinator, { kind: "resized", columns, rows });
    };
    if (mode === "live") process.stdout.on("resize", resized);

    /** On a terminal the coordinator says it, above its view. */
    function say(line: string): void {
      const isTold = mode === "live" && supervisor.tell(coordinator, { kind: "say", line });
      if (!isTold) process.stderr.write(`${line}\n`);
    }

    function fail(name: string, what: string): void {
      if (!failures.has(name)) failures.set(name, new BabelgradError("run-ended", what));
    }

    function startWorker(name: string): void {
      supervisor.start({
        name,
        launch: () => ({
          module: launcher,
          args: [
            ...["worker", "--name", name, "--quiet", ...joinFlags(config["net.host"], listening?.port ?? 0)],
            ...["--token-file", listening?.tokenFile ?? "", "--data", listening?.dataFolder ?? ""],
          ],
        }),
      });
    }

    function endWith(code: number): void {
      hasEnded = true;
      supervisor.holdRestarts();
      for (const name of supervisor.running) supervisor.tell(name, { kind: "stop" });
      const deadline = setTimeout(() => supervisor.kill("SIGKILL"), leaveDeadlineMs);
      const poll = setInterval(() => {
        if (supervisor.running.length > 0) return;
        clearInterval(poll);
        clearTimeout(deadline);
        for (const signal of signals) process.off(signal, ask);
        process.stdout.off("resize", resized);
        const [failure] = failures.values();
        if (failure === undefined) resolve(code);
        else reject(failure);
      }, 20);
    }

    const ask = (): void => {
      asked += 1;
      if (asked > 1) return supervisor.kill("SIGKILL");
      if (mode === "json") printEvent("stopping", {});
      else say("stopping once the step is finished and a checkpoint is written; once more ends now, without");
      supervisor.holdRestarts();
      supervisor.tell(coordinator, { kind: "stop" });
      setTimeout(() => supervisor.kill("SIGKILL"), stopDeadlineMs).unref();
    };
    const signals = ["SIGINT", "SIGTERM"] as const;
    for (const signal of signals) process.on(signal, ask);

    supervisor.start({
      name: coordinator,
      // Who has the run directory now has it still in a second; later it may have been ours.
      isWorthAnotherTry: () => listening !== undefined,
      launch: () => {
        // A later life goes on with this run, whatever the first was asked to begin with.
        const again = listening === undefined ? [] : [`net.port=${listening.port}`, "resume=auto", "fork=false"];
        return {
          module: launcher,
          args: [
            ...["coordinator", ...(file === undefined ? [] : [file]), "--out", listening?.folder ?? folder],
            ...[...sets, ...again].flatMap((setting) => ["--set", setting]),
            ...(flags.json ? ["--json"] : []),
            ...(flags.quiet ? ["--quiet"] : []),
          ],
        };
      },
    });
  });
}

function failureOf(name: string, { code, what, facts, cause }: Extract<ChildMessage, { kind: "failed" }>): BabelgradError {
  return new BabelgradError(code, name === coordinator ? what : `worker ${name}: ${what}`, facts, { cause });
}

/** How local workers reach a coordinator that listens on `host`, and remote workers reach them. */
function joinFlags(host: string, port: number): readonly string[] {
  const local = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const beyond = isLoopback(local) ? [] : ["--insecure", "--advertise", local];
  return [...beyond, "--join", `ws://${local.includes(":") ? `[${local}]` : local}:${port}`];
}
