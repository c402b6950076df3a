/** Starts the recorder and hands back the graph. */
import { spawn } from "node:child_process";
import { BabelgradError } from "../../base/errors.ts";
import { builtEntry } from "./entry.ts";
import type { RecorderFailure, RecorderInput } from "./recorder-main.ts";

/** Records what the purpose needs in a child process; resolves to the bytes of a saved_model.pb. */
export function recordInChild(input: RecorderInput): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [builtEntry("recorder-main")], { stdio: ["pipe", "pipe", "pipe"] });
    const output: Buffer[] = [];
    let errorOutput = "";
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      errorOutput = (errorOutput + chunk.toString()).slice(-4000);
    });
    child.on("error", reject);
    child.on("close", (status, signal) => {
      const bytes = Buffer.concat(output);
      if (status === 0) resolve(bytes);
      else reject(failure(bytes.toString(), errorOutput, signal ?? `status ${status}`));
    });
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
