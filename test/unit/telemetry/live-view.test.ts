/** What the live view shows in terminals of several sizes. */
import { describe, expect, it } from "vitest";
import type { Tally } from "../../../src/step/tally.ts";
import { LiveView } from "../../../src/telemetry/live-view.ts";
import { cut, pad, textWidth } from "../../../src/telemetry/text-width.ts";

const languages = ["de", "is", "ja", "zh-Hant-TW"];
/** A byte takes `bits[language]` bits. */
function tallyOf(bits: readonly number[]): Tally {
  return bits.map((b, language) => ({ language, sequences: language + 1, targets: 100, bytes: 100, lossNats: b * Math.LN2 * 100 }));
}

function viewAfter(step: number, steps: number): LiveView {
  const view = new LiveView();
  view.active("compute", [
    { worker: "w1", phase: "compute", leaves: 8 },
    { worker: "w2", phase: "exchange", leaves: 1 },
    { worker: "w3", phase: "checkpoint", leaves: 0 },
  ]);
  const tally = tallyOf([2, 3, 4, 1]);
  view.committed(0, { step: step - 1, steps, tally, rate: 1e-3, tokensPerSecond: 12_345.6, secondsLeft: 90 }, languages);
  view.evaluated(tallyOf([2.5, 3.5, 5, 1.5]), languages);
  return view;
}
const at = (width: number, height: number, hasColour = false) => ({ width, height, hasColour });

it("80 columns: progress and time left, the facts, a line a language, what each worker does", () => {
  expect(viewAfter(50, 200).lines(0, at(79, 23))).toEqual([
    "━━━━━━━━━━━━━━────────────────────────────────────────  50/200  25 %  1:30 left",
    "loss 1.7329   2.500 bits/byte   12,346 tokens/s   rate 1.00e-3",
    "            train  valid    drawn  bits/byte",
    "de          2.000  2.500   10.0 %  ███████████████",
    "is          3.000  3.500   20.0 %  █████████████████████",
    "ja          4.000  5.000   30.0 %  ██████████████████████████████",
    "zh-Hant-TW  1.000  1.500   40.0 %  █████████",
    "w1 computes, 8 leaves   w2 exchanges, 1 leaf   w3 joins",
  ]);
});

it("between two steps: the time that is left runs on", () => {
  const view = viewAfter(50, 200);
  expect(view.lines(30_000, at(79, 1))[0]).toContain("1:00 left");
  expect(view.lines(3_000_000, at(79, 1))[0]).toContain("0:00 left");
});

it("20 columns: a short bar, numbers in full, names cut", () => {
  const lines = viewAfter(50, 200).lines(0, at(19, 23));
  expect(lines).toEqual([
    "━━━──────────  25 %",
    "loss 1.7329",
    "2.500 bits/byte",
    "            train",
    "de          2.000",
    "is          3.000",
    "ja          4.000",
    "zh-Hant-TW  1.000",
    "w1 computes, 8 lea…",
    "w2 exchanges, 1 le…",
    "w3 joins",
  ]);
});

describe("every size", () => {
  const many = Array.from({ length: 100 }, (_, i) => `l${i}`);
  it.each([1, 2, 5, 10, 19, 20, 39, 40, 60, 79, 200])("%d columns: no line is wider, and there are no more lines than rows", (width) => {
    const view = viewAfter(1, 3);
    view.committed(0, { step: 1, steps: 3, tally: tallyOf(many.map(() => 1)), rate: 1, tokensPerSecond: 1, secondsLeft: undefined }, many);
    view.active(
      "compute",
      Array.from({ length: 40 }, (_, i) => ({ worker: `工人-${i}`, phase: "idle", leaves: 1 }) as const),
    );
    for (let height = 0; height < 30; height++) {
      const lines = view.lines(0, at(width, height));
      expect(lines.length).toBeLessThanOrEqual(height);
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
    }
  });
});

it("fewer lines than it has: progress first, then facts, then workers, then languages", () => {
  const view = viewAfter(50, 200);
  const starts = (height: number) => view.lines(0, at(79, height)).map((line) => line.trim().slice(0, 3));
  expect(starts(1)).toEqual(["━━━"]);
  expect(starts(2)).toEqual(["━━━", "los"]);
  expect(starts(3)).toEqual(["━━━", "los", "w1 "]);
  expect(starts(6)).toEqual(["━━━", "los", "tra", "de ", "… 3", "w1 "]);
});

it("more workers than have room: how many are not shown", () => {
  const view = viewAfter(1, 3);
  view.active(
    "compute",
    Array.from({ length: 40 }, (_, i) => ({ worker: `w${i}`, phase: "compute", leaves: 2 }) as const),
  );
  expect(view.lines(0, at(59, 6)).at(-1)).toMatch(/ \+\d+$/);
});

it("before the first step: what is waited for", () => {
  const view = new LiveView();
  expect(view.lines(0, at(40, 10))).toEqual(["waits for workers …"]);
  view.active("idle", [{ worker: "w1", phase: "idle", leaves: 0 }]);
  expect(view.lines(0, at(40, 10))).toEqual(["workers get ready …", "w1 joins"]);
});

it("a language that no step has drawn: dashes, and the others fill the bars", () => {
  const view = new LiveView();
  const facts = { step: 0, steps: 9, rate: 1, tokensPerSecond: undefined, secondsLeft: undefined };
  view.committed(0, { ...facts, tally: tallyOf([2]) }, languages);
  const lines = view.lines(0, at(60, 20));
  expect(lines.slice(3, 5)).toEqual(["de          2.000      –  100.0 %  █████████████████████████", "is              –      –    0.0 %"]);
  expect(lines[0]).toContain("–:–– left");
});

it("with colour: the same text, in colour", () => {
  const view = viewAfter(50, 200);
  const coloured = view.lines(0, at(79, 23, true));
  expect(coloured.join("\n")).toContain("\u001b[32m━");
  expect(coloured.map((line) => line.replace(/\p{Cc}\[\d+m/gu, ""))).toEqual(view.lines(0, at(79, 23)));
});

describe("the width of text", () => {
  it.each([
    ["abc", 3],
    ["人民", 4],
    ["한국어", 6],
    ["ｱｲ", 2],
    ["e\u0301", 1],
    ["हिन्दी", 5],
    ["🚀", 2],
    ["إن", 2],
  ])("%s: %d columns", (text, width) => expect(textWidth(text)).toBe(width));

  it("cut to width: no half character, marks stay on their letter, no control character", () => {
    expect(cut("人民の", 5)).toBe("人民…");
    expect(cut("人民の", 4)).toBe("人…");
    expect(cut("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
    expect(cut("a\u001b[31mb", 9)).toBe("a [31mb");
    expect(cut("abc", 0)).toBe("");
    expect(pad("人", 4)).toBe("人  ");
  });
});
