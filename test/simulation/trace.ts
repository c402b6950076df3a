/** Messages and frames as lines a person can read. */
import type { Digest, Generation } from "../../src/base/ids.ts";
import { targetsOf } from "../../src/step/tally.ts";
import { leavesBelow } from "../../src/step/tree.ts";
import type { CoordinatorMessage, Frame, Position, WorkerMessage } from "../../src/wire/messages.ts";

/** Digests by the names they were given, so that a trace says h2 for the average of step 2 and L2 for the lineage before it. */
export type NameOf = (digest: Digest) => string;

export function describeMessage(message: CoordinatorMessage | WorkerMessage | Frame<unknown>, leaves: number, nameOf: NameOf): string {
  const at = (position: Position | undefined) => (position === undefined ? "nothing" : `step ${position.step} ${nameOf(position.lineage)}`);
  const h = nameOf;
  switch (message.kind) {
    case "plan": {
      const parts = message.members.map((m) => `${m.worker} leaves ${ranges(m.leaves)} blocks ${ranges(m.blocks)}`);
      const how = message.finishFrom.length > 0 ? ` finish from ${message.finishFrom.join(" ")}` : "";
      return `plan ${generation(message.generation)} ${at(message)}${how}: ${parts.join("; ")}`;
    }
    case "commit":
      return `commit step ${message.step} ${h(message.digest)}${message.isSkipped ? " skipped" : ""}${message.hold ? " hold" : ""}`;
    case "load":
      return `load ${at(message.position)} from ${message.donor ?? "the store"}`;
    case "serve":
      return `serve ${at(message.position)} to ${message.receiver ?? "the store"}`;
    case "evaluate":
      return `evaluate ${at(message.position)} leaves ${ranges(message.leaves)}`;
    case "sample":
      return `sample ${at(message.position)}`;
    case "stop":
      return `stop: ${message.reason}`;
    case "ready":
      return `ready ${at(message.position)}${message.prepared === undefined ? "" : ` prepared ${h(message.prepared.digest)}`}`;
    case "prepared":
      return `prepared ${generation(message.generation)} step ${message.step} ${h(message.digest)}`;
    case "loadFailed":
      return `loadFailed ${at(message.position)}: ${message.reason}`;
    case "evaluated":
      return `evaluated ${at(message.position)} leaf ${message.leaf}`;
    case "sampled":
      return `sampled ${at(message.position)}`;
    case "linkDown":
    case "linkUp":
      return `${message.kind} ${message.peer}`;
    case "partial":
      return `partial ${generation(message.generation)} step ${message.step} block ${message.block} ${subtree(leaves, message.subtree)}`;
    case "average":
      return `average ${generation(message.generation)} step ${message.step} block ${message.block} of ${targetsOf(message.tally)} targets`;
    case "heartbeat":
    case "leaving":
      return message.kind;
    default:
      return JSON.stringify(message);
  }
}

export function generation({ term, count }: Generation): string {
  return `g${term}.${count}`;
}

export function subtree(leaves: number, key: number): string {
  const below = leavesBelow(leaves, key);
  const [first] = below;
  return below.length === 1 ? `[${first}]` : `[${first}-${below.at(-1)}]`;
}

/** 0-2,5 */
export function ranges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; i++) {
    const from = numbers[i];
    while (i + 1 < numbers.length && numbers[i + 1] === (numbers[i] ?? 0) + 1) i++;
    parts.push(from === numbers[i] ? `${from}` : `${from}-${numbers[i]}`);
  }
  return parts.length === 0 ? "none" : parts.join(",");
}
