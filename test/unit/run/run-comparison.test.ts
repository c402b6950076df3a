/** What of two runs may be compared, and at which steps. */
import { describe, expect, it } from "vitest";
import type { RunId } from "../../../src/base/ids.ts";
import { resolveConfig } from "../../../src/config/resolve.ts";
import {
  comparableOf,
  comparedEvaluations,
  comparedLosses,
  differingClass,
  differingOptions,
  lastEvaluations,
} from "../../../src/coordinator/run-comparison.ts";
import { type CurvePoint, type RunData, type RunView, stateOf } from "../../../src/coordinator/run-view.ts";
import { digest } from "./sample-records.ts";

const point = (step: number, loss: number): CurvePoint => ({
  step,
  tally: [{ language: 0, sequences: 1, targets: 100, bytes: 300, lossNats: 100 * loss }],
});

const data = (tokenizer: string, validation: Readonly<Record<string, number>>): RunData => ({
  languages: Object.keys(validation),
  tokenizerSha256: digest(tokenizer),
  vocabulary: 300,
  validation: new Map(Object.entries(validation).map(([language, textBytes]) => [language, { documents: 2, textBytes }])),
});

/** Steps [from, to) with a loss of 10 − step; evaluated after every second. */
function view(part: Partial<RunView> & { readonly from?: number; readonly to?: number; readonly manifest?: string } = {}): RunView {
  const { from = 0, to = 8, manifest = "m", ...rest } = part;
  const steps = Array.from({ length: to - from }, (_, i) => from + i);
  return {
    folder: "runs/a",
    state: "stopped",
    holder: undefined,
    about: { version: 1, run: "run-1" as RunId, resultOptions: digest("o"), manifest: digest(manifest) },
    config: resolveConfig([]),
    data: data("t", { en: 900, fr: 900 }),
    parameters: 1000,
    committed: to,
    steps: to,
    tokens: 100 * steps.length,
    trained: steps.map((step) => point(step, 10 - step)),
    evaluated: steps.filter((step) => step % 2 === 1).map((step) => point(step + 1, 10 - step)),
    workers: 1,
    tokensPerSecond: 1000,
    activeMs: 0,
    bytes: 0,
    checkpoint: to,
    notes: [],
    ...rest,
  };
}

const place = { name: "test", folder: "/" };

describe("two runs", () => {
  it("of the same data: everything is comparable, a run with itself has no difference", () => {
    expect(comparableOf(view(), view())).toEqual({ loss: true, overall: true, languages: ["en", "fr"], reasons: [] });
    expect(differingOptions(view(), view())).toEqual([]);
    expect(lastEvaluations(view(), view())?.loss).toEqual({ a: 3, b: 3 });
  });

  it("of another tokenizer, the same text: bits per byte are comparable, losses in nats are not", () => {
    const other = view({ manifest: "n", data: data("u", { en: 900, fr: 900 }) });
    const { reasons, ...comparable } = comparableOf(view(), other);
    expect(comparable).toEqual({ loss: false, overall: true, languages: ["en", "fr"] });
    expect(reasons).toEqual([expect.stringContaining("other tokenizers")]);
  });

  it("of other languages: only the common ones, not all together", () => {
    const { reasons, ...comparable } = comparableOf(view(), view({ manifest: "n", data: data("t", { en: 900, sw: 900 }) }));
    expect(comparable).toEqual({ loss: false, overall: false, languages: ["en"] });
    expect(reasons).toEqual([expect.stringMatching(/other languages.*\(en\)/)]);
  });

  it("of the same language with other validation text: said", () => {
    const { reasons } = comparableOf(view(), view({ manifest: "n", data: data("t", { en: 901, fr: 900 }) }));
    expect(reasons).toEqual([expect.stringContaining("other validation text of en")]);
  });

  it("without a common language, without data, or without a step: no curve, and why", () => {
    const none = { loss: false, overall: false, languages: [] };
    expect(comparableOf(view(), view({ manifest: "n", data: data("t", { sw: 900 }) }))).toMatchObject({
      ...none,
      reasons: [expect.stringContaining("no common language (en fr; sw)")],
    });
    expect(comparableOf(view(), view({ manifest: "n", data: undefined }))).toMatchObject(none);
    expect(comparableOf(view(), view({ trained: [], evaluated: [], folder: "runs/b" }))).toMatchObject({
      ...none,
      reasons: ["runs/b has no committed step: there is no curve of it"],
    });
  });

  it("with other options: only those, result options first", () => {
    const config = resolveConfig([
      { path: "steps", value: 7, place },
      { path: "optimizer.rate", value: 0.5, place },
    ]);
    expect(differingOptions(view(), view({ config }))).toEqual([
      { option: "optimizer.rate", kind: "result", a: 0.001, b: 0.5 },
      { option: "steps", kind: "operation", a: 1000, b: 7 },
    ]);
    expect(differingOptions(view(), view({ config: undefined }))).toBeUndefined();
  });

  it("of other numeric classes: the fields; a probe counts only where options and data are the same", () => {
    const classOf = (device: string, probe: string) => ({
      digest: digest(device + probe),
      probe: digest(probe),
      backend: "tensorflow",
      device,
      tensorflow: "2",
      threads: 1,
      flags: "",
    });
    const withClass = (device: string, probe: string, resultOptions = "o") => {
      const run = view();
      const about = run.about && { ...run.about, resultOptions: digest(resultOptions), numericClass: classOf(device, probe) };
      return { ...run, about };
    };
    expect(differingClass(withClass("cpu", "p"), withClass("gpu", "q"))?.map(({ field }) => field)).toEqual(["device", "probe"]);
    expect(differingClass(withClass("cpu", "p"), withClass("cpu", "q", "other"))).toEqual([]);
    expect(differingClass(withClass("cpu", "p"), view())).toBeUndefined();
  });
});

describe("curves", () => {
  it("of a run and its fork: from the fork's first step to where the shorter ends", () => {
    const rows = comparedLosses(view({ to: 8 }), view({ from: 4, to: 12 }), 2);
    // Steps 4, 5 and 6, 7: losses 6, 5 and 4, 3.
    expect(rows).toEqual([
      { step: 6, loss: { a: 5.5, b: 5.5 } },
      { step: 8, loss: { a: 3.5, b: 3.5 } },
    ]);
    expect(comparedEvaluations(view({ to: 8 }), view({ from: 4, to: 12 })).map(({ step }) => step)).toEqual([6, 8]);
  });

  it("without a common step: none", () => {
    expect(comparedLosses(view({ to: 4 }), view({ from: 4, to: 8 }), 5)).toEqual([]);
    expect(comparedEvaluations(view({ to: 4 }), view({ from: 4, to: 8 }))).toEqual([]);
  });
});

describe("the state of a run", () => {
  const facts = { isThere: true, isDamaged: false, holder: undefined, committed: 8, steps: 8, checkpoint: 8 };
  it.each([
    ["finished", {}],
    ["stopped", { steps: 9 }],
    ["stopped", { checkpoint: 6 }],
    ["stopped", { steps: undefined }],
    ["training", { holder: "process 7", isDamaged: true }],
    ["damaged", { isDamaged: true }],
    ["none", { isThere: false }],
  ] as const)("%s: %j", (state, change) => {
    expect(stateOf({ ...facts, ...change })).toBe(state);
  });
});
