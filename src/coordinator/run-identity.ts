/** What makes a run this run and no other: its result options, its data, its numeric class. */
import { BabelgradError } from "../base/errors.ts";
import type { Digest, Language, RunId } from "../base/ids.ts";
import type { NumericClass } from "../engine/trainer.ts";
import type { Position } from "../wire/messages.ts";

/** `run.json`. */
export interface RunAbout {
  readonly version: 1;
  readonly run: RunId;
  /** Digest of the result options. */
  readonly resultOptions: Digest;
  /** Hash of the data's manifest. */
  readonly manifest: Digest;
  /** Fixed by the first accepted worker. */
  readonly numericClass?: NumericClass;
  /** The run and state that this run went on from. */
  readonly forkedFrom?: Fork;
}

/** Where a run was forked: its first step is `step`, and its initial state is that of `run` there. */
export interface Fork extends Position {
  readonly run: RunId;
  /** The optimizer is of the same kind, so its moments go on; otherwise they begin at zero, as at step 0. */
  readonly keepsMoments: boolean;
  /** Sequences of each language that the state has learned from. */
  readonly sequences: Readonly<Record<Language, number>>;
}

/** A result option, or the data, that is not what the run was made with. */
export interface Difference {
  readonly option: string;
  readonly was: unknown;
  readonly is: unknown;
}

/** Refuses to go on with a run under other result options or on other data; no differences: fine. */
export function requireSameResult(folder: string, about: RunAbout, manifest: Digest, differences: readonly Difference[]): void {
  const all = about.manifest === manifest ? differences : [...differences, { option: "data", was: about.manifest, is: manifest }];
  if (all.length === 0) return;
  const list = all.map(({ option, was, is }) => `${option} is ${JSON.stringify(is)}, the run has ${JSON.stringify(was)}`).join("; ");
  throw new BabelgradError("run-differs", `${folder} holds another run: ${list}`, { folder });
}

/** Refuses a worker of another numeric class than the run's, and names what differs. */
export function requireSameClass(run: NumericClass, worker: NumericClass): void {
  if (run.digest === worker.digest) return;
  const describe = (c: NumericClass) =>
    `${c.backend} on ${c.device}, TensorFlow ${c.tensorflow}, ${c.threads} ${c.threads === 1 ? "thread" : "threads"}, flags ${c.flags === "" ? "none" : c.flags}, probe ${c.probe.slice(0, 12)}`;
  throw new BabelgradError("class-differs", `the run's numbers come from ${describe(run)}; this worker's from ${describe(worker)}`);
}

export function encodeAbout(about: RunAbout): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(about, undefined, 2)}\n`);
}

/** undefined: not a run.json of this version. */
export function decodeAbout(bytes: Uint8Array): RunAbout | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const about = new Map<string, unknown>(Object.entries(parsed));
  const isText = (name: string) => typeof about.get(name) === "string";
  const numericClass = about.get("numericClass");
  const isWhole = about.get("version") === 1 && isText("run") && isText("resultOptions") && isText("manifest");
  const isClass = numericClass === undefined || (typeof numericClass === "object" && numericClass !== null && "digest" in numericClass);
  // The fields that a restart compares are there.
  return isWhole && isClass ? (parsed as RunAbout) : undefined;
}
