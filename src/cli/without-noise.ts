/**
 * A command that loads TensorFlow and is no part of a run: carried out by a child process, so that what TensorFlow's
 * libraries say while they are loaded can be left out of standard error.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { isLibraryNoise } from "../engine/library-noise.ts";
import { interrupted } from "./stop-signal.ts";

/** In the child: when its parent was started, in milliseconds since 1970. */
const startVariable = "BABELGRAD_COMMAND_STARTED";

export async function withoutNoise(run: () => Promise<void>): Promise<void> {
  if (process.env[startVariable] !== undefined) return run();
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ["inherit", "inherit", "pipe"],
    env: { ...process.env, [startVariable]: String(performance.timeOrigin) },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  createInterface({ input: child.stderr }).on("line", (line) => isLibraryNoise(line) || process.stderr.write(`${line}\n`));
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? interrupted));
  });
}

/** Seconds since the command was started. */
export function secondsSinceStart(): number {
  return (performance.timeOrigin + performance.now() - Number(process.env[startVariable] ?? performance.timeOrigin)) / 1000;
}
