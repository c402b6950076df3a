/** Starts the recorder and hands back the folder with the graph. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BabelgradError } from "../../base/errors.ts";
import { builtEntry } from "./entry.ts";
import type { RecorderFailure, RecorderInput } from "./recorder-main.ts";

/** Records what the purpose needs in a child process. The folder is private to the user; whoever loads the graph deletes it. */
export function recordInChild(what: Omit<RecorderInput, "folder">): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-graph-")); // mode 0700
  const input: RecorderInput = { ...what, folder };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [builtEntry("recorder-main")], { stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    let errorOutput = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errorOutput = (errorOutput + chunk.toString()).slice(-4000);
    });
    const fail = (error: Error): void => {
      rmSync(folder, { recursive: true, force: true });
      reject(error);
    };
    child.on("error", fail);
    child.on("close", (status, signal) =>
      status === 0 ? resolve(folder) : fail(failure(output, errorOutput, signal ?? `status ${status}`)),
    );
    child.stdin.on("error", () => {}); // a child that ends early says why when it closes
    child.stdin.end(JSON.stringify(input));
  });
}

function failure(output: string, errorOutput: string, end: string): BabelgradError {
  try {
    const { code, message, facts, cause } = JSON.parse(output) as RecorderFailure; // recorder-main.ts writes it
    return new BabelgradError(code, message, facts, { cause });
  } catch {
    // It ended without a word: what TensorFlow wrote last is the best there is.
  }
  const cause = new Error(errorOutput.trim().split("\n").at(-1) ?? "no output");
  return new BabelgradError("recorder-failed", `the process that records the step ended with ${end}`, {}, { cause });
}
