/** What a run tells whoever watches it; docs/reference/events.md says what each event means. */

import { type Tally, targetsOf } from "../step/tally.ts";
import type { Phase } from "../telemetry/phase.ts";
import { bitsPerByteByLanguage, meanLoss, overallBitsPerByte } from "../telemetry/report.ts";
import type { Sample } from "../wire/messages.ts";
import type { CommittedStep } from "./cluster-events.ts";

export type RunEvent =
  | { readonly kind: "forked"; readonly folder: string; readonly run: string; readonly step: number }
  | {
      readonly kind: "listening";
      readonly port: number;
      readonly folder: string;
      readonly tokenFile: string;
      readonly dataFolder: string;
    }
  /** `awaited`: so many more have to come before the first step. */
  | { readonly kind: "workerConnected"; readonly worker: string; readonly awaited: number }
  | { readonly kind: "workerGone"; readonly worker: string; readonly reason: string }
  | {
      readonly kind: "generationBegan";
      readonly step: number;
      readonly workers: number;
      readonly members: readonly string[];
      readonly reason: string;
    }
  | {
      readonly kind: "stepCommitted";
      readonly record: CommittedStep;
      readonly steps: number;
      readonly workers: number;
      readonly tokensPerSecond: number | undefined;
      readonly secondsLeft: number | undefined;
    }
  | { readonly kind: "evaluated"; readonly step: number; readonly tally: Tally }
  | { readonly kind: "sampled"; readonly step: number; readonly samples: readonly Sample[] }
  | { readonly kind: "checkpointStored"; readonly step: number; readonly name: string; readonly weightsSha256: string }
  | { readonly kind: "warned"; readonly what: string }
  /** For live views, about once a second and whenever it changes: neither printed as a line nor kept in metrics.jsonl. */
  | { readonly kind: "activity"; readonly phase: Phase; readonly workers: readonly WorkerActivity[] };

/** What metrics.jsonl keeps and `--json` prints. */
export type LoggedEvent = Exclude<RunEvent, { kind: "activity" }>;

export interface WorkerActivity {
  readonly worker: string;
  readonly phase: Phase;
  /** Leaves of a step in the present generation; 0: no member yet. */
  readonly leaves: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** The event's facts under the names that `--json` and metrics.jsonl have for them. */
export function eventFields(event: LoggedEvent, languages: readonly string[]): Fields {
  switch (event.kind) {
    case "stepCommitted":
      return stepFields(event, languages);
    case "evaluated": {
      const { step, tally } = event;
      return {
        step,
        validationLoss: meanLoss(tally),
        overallBitsPerByte: overallBitsPerByte(tally),
        bitsPerByte: bitsPerByteByLanguage(tally, languages),
      };
    }
    default: {
      const { kind: _, ...fields } = event;
      return fields;
    }
  }
}

function stepFields(event: Extract<RunEvent, { kind: "stepCommitted" }>, languages: readonly string[]): Fields {
  const { record, steps, workers, tokensPerSecond, secondsLeft } = event;
  const { step, tally, scalars, gradientNorm, isSkipped, course, computations } = record;
  return {
    step,
    steps,
    loss: meanLoss(tally),
    bitsPerByte: overallBitsPerByte(tally),
    tokens: targetsOf(tally),
    tokensByLanguage: Object.fromEntries(tally.map((t) => [languages[t.language] ?? `#${t.language}`, t.targets])),
    bitsPerByteByLanguage: bitsPerByteByLanguage(tally, languages),
    rate: scalars.rate,
    gradientNorm,
    tokensPerSecond,
    secondsLeft,
    workers,
    isSkipped,
    course,
    recomputed: computations.filter((times) => times > 1).length,
  };
}
