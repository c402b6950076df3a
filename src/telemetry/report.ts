/** A run as lines of text for people. The same facts go to metrics.jsonl and to `--json` as values. */
import { bitsPerByte, type Tally } from "../step/tally.ts";

/** Bits a byte by language, in the order of the tally. */
export function bitsPerByteByLanguage(tally: Tally, languages: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(tally.map((t) => [languages[t.language] ?? `#${t.language}`, bitsPerByte(t.lossNats, t.bytes)]));
}

/** Mean loss in nats a target over all languages. */
export function meanLoss(tally: Tally): number {
  const sum = (pick: (t: Tally[number]) => number) => tally.reduce((total, t) => total + pick(t), 0);
  return sum((t) => t.lossNats) / sum((t) => t.targets);
}

/** Bits a byte over all languages together. */
export function overallBitsPerByte(tally: Tally): number {
  const sum = (pick: (t: Tally[number]) => number) => tally.reduce((total, t) => total + pick(t), 0);
  return bitsPerByte(
    sum((t) => t.lossNats),
    sum((t) => t.bytes),
  );
}

export interface StepFacts {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly bitsPerByte: number;
  readonly rate: number;
  readonly tokensPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  readonly workers: number;
}

export function stepLine(facts: StepFacts): string {
  const { step, steps, loss, rate, tokensPerSecond, secondsLeft, workers } = facts;
  return [
    `step ${String(step + 1).padStart(String(steps).length)}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    `${facts.bitsPerByte.toFixed(3)} bits/byte`,
    `rate ${rate.toExponential(2)}`,
    `${tokensPerSecond === undefined ? "–" : Math.round(tokensPerSecond).toLocaleString("en-US")} tokens/s`,
    `${secondsLeft === undefined ? "–:––" : clock(secondsLeft)} left`,
    `${workers} worker${workers === 1 ? "" : "s"}`,
  ].join("  ");
}

/** Validation by language, a few to a line. */
export function evaluationLines(step: number, tally: Tally, languages: readonly string[]): readonly string[] {
  const cells = Object.entries(bitsPerByteByLanguage(tally, languages)).map(([language, bits]) => `${language} ${bits.toFixed(3)}`);
  const lines = [`validation after step ${step}: loss ${meanLoss(tally).toFixed(4)}, ${overallBitsPerByte(tally).toFixed(3)} bits/byte`];
  for (let i = 0; i < cells.length; i += 6)
    lines.push(
      `  ${cells
        .slice(i, i + 6)
        .map((cell) => cell.padEnd(12))
        .join("")}`.trimEnd(),
    );
  return lines;
}

export function sampleLines(step: number, samples: readonly { readonly language: string; readonly text: string }[]): readonly string[] {
  return [`samples after step ${step}:`, ...samples.map(({ language, text }) => `  ${language}: ${text.replace(/\s+/g, " ")}`)];
}

/** Seconds as m:ss or h:mm:ss. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}
