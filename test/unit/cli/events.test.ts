/** docs/reference/events.md says what the commands of a run print. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { workerId } from "../../../src/base/ids.ts";
import { eventFields, type LoggedEvent } from "../../../src/coordinator/run-event.ts";
import { stepRecord } from "../run/sample-records.ts";

const root = new URL("../../../", import.meta.url);
const page = readFileSync(new URL("docs/reference/events.md", root), "utf8");
const tally = stepRecord(0).tally;
const { kind: _, ...record } = stepRecord(0);

/** One of each kind, with every field that it may have. */
const events: { readonly [K in LoggedEvent["kind"]]: Extract<LoggedEvent, { kind: K }> } = {
  forked: { kind: "forked", folder: "runs/a-fork1", run: "run-1", step: 4 },
  listening: { kind: "listening", port: 1, folder: "runs/a", tokenFile: "runs/a/token", dataFolder: "runs/a/data" },
  workerConnected: { kind: "workerConnected", worker: workerId("w1"), awaited: 1 },
  workerGone: { kind: "workerGone", worker: workerId("w1"), reason: "it leaves" },
  generationBegan: { kind: "generationBegan", step: 0, workers: 1, members: [workerId("w1")], reason: "begin" },
  stepCommitted: { kind: "stepCommitted", record, steps: 2, workers: 1, tokensPerSecond: 1, secondsLeft: 1 },
  evaluated: { kind: "evaluated", step: 1, tally },
  sampled: { kind: "sampled", step: 1, samples: [] },
  checkpointStored: { kind: "checkpointStored", step: 1, name: "step-000001", weightsSha256: "00" },
  warned: { kind: "warned", what: "careful" },
};

/** The rows of a section's table: event → fields. */
function rowsOf(title: string): ReadonlyMap<string, readonly string[]> {
  const section = page.split(/^## /m).find((part) => part.startsWith(title)) ?? "";
  const rows = section.matchAll(/^\| `(\w+)` \| (.*?) ?\|/gm);
  return new Map([...rows].map(([, event = "", fields = ""]) => [event, [...fields.matchAll(/`(\w+)`/g)].map(([, field = ""]) => field)]));
}

it("every event of a run: described with exactly the fields that it has", () => {
  const seen = Object.values(events).map((event) => [event.kind, Object.keys(eventFields(event, ["de", "is"]))] as const);
  expect(rowsOf("Of a run")).toEqual(new Map(seen));
});

it("every event that a command of a run prints by name: described", () => {
  const sources = [
    "train",
    "coordinator",
    "worker",
    "run-printer",
    "demo",
    "main",
    "generate",
    "eval",
    "model-flags",
    "runs",
    "runs-compare",
    "init",
  ].map((name) => readFileSync(new URL(`src/cli/${name}.ts`, root), "utf8"));
  const printed = sources.flatMap((source) => [...source.matchAll(/printEvent\("(\w+)"/g)].map(([, event]) => event));
  expect(printed).toContain("processRestarted");
  for (const event of printed) expect(page).toContain(`\`${event}\``);
});

it("a committed step: loss in nats a target, bits per byte and tokens by language", () => {
  const fields = eventFields(events.stepCommitted, ["de", "is"]);
  expect(fields).toMatchObject({ loss: 0.1 / 100, tokens: 100, tokensByLanguage: { de: 100 }, course: "plain", recomputed: 0, workers: 1 });
  expect(fields["bitsPerByteByLanguage"]).toEqual({ de: fields["bitsPerByte"] });
});
