/**
 * Two runs side by side: what differs in configuration, data and numbers, and their curves, as far as these measure the
 * same. A loss in nats a token means something only beside one of the same tokenizer; bits per byte do beside any, on
 * the same text.
 */
import type { Step } from "../base/ids.ts";
import { type OptionKind, options } from "../config/options.ts";
import { optionPaths } from "../config/resolve.ts";
import type { NumericClass } from "../engine/trainer.ts";
import type { Tally } from "../step/tally.ts";
import { bitsPerByteByLanguage, meanLoss, overallBitsPerByte } from "../telemetry/report.ts";
import { type CurvePoint, type RunView, sumOf } from "./run-view.ts";

/** A value of each run; undefined where one has none. */
export interface Both<T> {
  readonly a: T;
  readonly b: T;
}

export interface OptionDifference extends Both<unknown> {
  readonly option: string;
  readonly kind: OptionKind;
}

/** What may be compared, and in words why the rest may not, or only with care. */
export interface Comparable {
  /** Training loss and validation loss, in nats a token. */
  readonly loss: boolean;
  /** Bits per byte of all languages together. */
  readonly overall: boolean;
  /** Languages whose bits per byte may be compared. */
  readonly languages: readonly string[];
  readonly reasons: readonly string[];
}

/** At a step of both runs: mean training loss of the steps since the row before, and the evaluation after it. */
export interface ComparedRow {
  /** Updates that both had. */
  readonly step: Step;
  readonly loss: Both<number | undefined>;
}
export interface ComparedEvaluation {
  readonly step: Step;
  readonly loss: Both<number>;
  readonly overallBitsPerByte: Both<number>;
  readonly bitsPerByte: Both<Readonly<Record<string, number>>>;
}

/** Options that differ, result options first. Undefined when a configuration cannot be read. */
export function differingOptions(a: RunView, b: RunView): readonly OptionDifference[] | undefined {
  const [left, right] = [a.config, b.config];
  if (left === undefined || right === undefined) return undefined;
  const differences = optionPaths
    .filter((option) => JSON.stringify(left[option]) !== JSON.stringify(right[option]))
    .map((option) => ({ option, kind: options[option].kind, a: left[option], b: right[option] }));
  return [...differences.filter(({ kind }) => kind === "result"), ...differences.filter(({ kind }) => kind === "operation")];
}

/** Fields in which the numeric classes differ; undefined when a run has none yet. The probe speaks of machines only where the runs are alike. */
export function differingClass(a: RunView, b: RunView): readonly (Both<unknown> & { readonly field: string })[] | undefined {
  const [left, right] = [a.about?.numericClass, b.about?.numericClass];
  if (left === undefined || right === undefined) return undefined;
  const isAlike = a.about?.resultOptions === b.about?.resultOptions && a.about?.manifest === b.about?.manifest;
  const fields: readonly (keyof NumericClass)[] = [
    "backend",
    "device",
    "tensorflow",
    "threads",
    "flags",
    ...(isAlike ? (["probe"] as const) : []),
  ];
  return fields.filter((field) => left[field] !== right[field]).map((field) => ({ field, a: left[field], b: right[field] }));
}

export function comparableOf(a: RunView, b: RunView): Comparable {
  const reasons: string[] = [];
  const empty = [a, b].filter(({ trained, evaluated }) => trained.length === 0 && evaluated.length === 0);
  for (const { folder } of empty) reasons.push(`${folder} has no committed step: there is no curve of it`);
  if (empty.length > 0) return { loss: false, overall: false, languages: [], reasons };
  if (a.about?.manifest === b.about?.manifest) {
    return { loss: true, overall: true, languages: a.data?.languages ?? [], reasons };
  }
  const [left, right] = [a.data, b.data];
  if (left === undefined || right === undefined) {
    reasons.push(
      "the data of one are not known (any more), and they are not the other's: neither losses nor bits per byte can be compared",
    );
    return { loss: false, overall: false, languages: [], reasons };
  }
  const common = left.languages.filter((language) => right.languages.includes(language));
  if (common.length === 0) {
    reasons.push(
      `no common language (${left.languages.join(" ")}; ${right.languages.join(" ")}): neither losses nor bits per byte can be compared`,
    );
    return { loss: false, overall: false, languages: [], reasons };
  }
  const isSameTokenizer = left.tokenizerSha256 !== undefined && left.tokenizerSha256 === right.tokenizerSha256;
  if (!isSameTokenizer) reasons.push("other tokenizers: losses in nats a token cannot be compared, bits per byte can");
  const areSameLanguages = common.length === left.languages.length && common.length === right.languages.length;
  if (!areSameLanguages) reasons.push(`other languages: only those of both can be compared, one by one (${common.join(" ")})`);
  const unlike = common.filter((language) => !isSameText(a, b, language));
  if (unlike.length > 0)
    reasons.push(
      `other validation text of ${unlike.join(" ")}: its bits per byte measure the same on different text, so small differences say nothing`,
    );
  return { loss: isSameTokenizer && areSameLanguages, overall: areSameLanguages, languages: common, reasons };
}

function isSameText(a: RunView, b: RunView, language: string): boolean {
  const [left, right] = [a.data?.validation?.get(language), b.data?.validation?.get(language)];
  return left !== undefined && left.documents === right?.documents && left.textBytes === right.textBytes;
}

/** Mean training losses over the same steps of both, in at most `rows` equal parts of the steps that both committed. */
export function comparedLosses(a: RunView, b: RunView, rows: number): readonly ComparedRow[] {
  const from = Math.max(a.trained[0]?.step ?? 0, b.trained[0]?.step ?? 0);
  const to = Math.min(a.committed, b.committed);
  const parts = Math.min(rows, Math.max(0, to - from));
  return Array.from({ length: parts }, (_, i) => {
    const [first, end] = [from + Math.floor((i * (to - from)) / parts), from + Math.floor(((i + 1) * (to - from)) / parts)];
    const lossOf = ({ trained }: RunView): number | undefined => {
      const points = trained.slice(lowerBound(trained, first), lowerBound(trained, end));
      return points.length === 0 ? undefined : meanLoss(sumOf(points));
    };
    return { step: end, loss: { a: lossOf(a), b: lossOf(b) } };
  });
}

/** Evaluations after the same number of updates. */
export function comparedEvaluations(a: RunView, b: RunView): readonly ComparedEvaluation[] {
  const ofB = new Map(b.evaluated.map(({ step, tally }) => [step, tally]));
  return a.evaluated.flatMap(({ step, tally }) => {
    const other = ofB.get(step);
    return other === undefined ? [] : [{ step, ...evaluationsOf({ a: tally, b: other }, a, b) }];
  });
}

/** The last evaluation of each, whatever their steps; undefined unless both have one. */
export function lastEvaluations(a: RunView, b: RunView): (Omit<ComparedEvaluation, "step"> & { readonly step: Both<Step> }) | undefined {
  const [left, right] = [a.evaluated.at(-1), b.evaluated.at(-1)];
  if (left === undefined || right === undefined) return undefined;
  return { step: { a: left.step, b: right.step }, ...evaluationsOf({ a: left.tally, b: right.tally }, a, b) };
}

function evaluationsOf(tallies: Both<Tally>, a: RunView, b: RunView): Omit<ComparedEvaluation, "step"> {
  return {
    loss: { a: meanLoss(tallies.a), b: meanLoss(tallies.b) },
    overallBitsPerByte: { a: overallBitsPerByte(tallies.a), b: overallBitsPerByte(tallies.b) },
    bitsPerByte: {
      a: bitsPerByteByLanguage(tallies.a, a.data?.languages ?? []),
      b: bitsPerByteByLanguage(tallies.b, b.data?.languages ?? []),
    },
  };
}

/** Index of the first point at or after a step. */
function lowerBound(points: readonly CurvePoint[], step: Step): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.step ?? 0) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
