/** Running other programs during set-up, and the one error that set-up ends with. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** What could not be done and what to do about it; shown without a stack trace. */
export class SetupError extends Error {}

/** Runs a program to its end; its output is shown only when it fails, before the error that says `todo`. */
export function runCommand(command, args, { cwd, env, todo }) {
  const child = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 1e8 });
  if (child.status === 0) return child.stdout;
  const how = child.error?.message ?? (child.signal === null ? `exit status ${child.status}` : `ended by ${child.signal}`);
  throw new SetupError(`${[command, ...args].join(" ").slice(0, 200)}: ${how}\n${child.stdout ?? ""}${child.stderr ?? ""}\n${todo}`);
}

/** Whether a program is on the PATH. */
export function isInstalled(command) {
  const places = command.includes("/") ? [command] : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, command));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
