import { describe, expect, it } from "vitest";
import { evenly, scaleOf, showsUnicode, sparkline } from "../../../src/telemetry/curve.ts";

describe("a curve in one line", () => {
  it("has the highest mark at the scale's high, the lowest at its low, a blank where there is no value", () => {
    const values = [8, 4, undefined, 1];
    expect(sparkline(values, scaleOf(values), true)).toBe("█▄ ▁");
    expect(sparkline(values, scaleOf(values), false)).toBe("#: _");
  });

  it("of equal values: flat", () => {
    expect(sparkline([2, 2], scaleOf([2, 2]), true)).toBe("▁▁");
  });

  it("with a loss that is not finite: marked, and not part of the scale", () => {
    const values = [3, Number.NaN, Number.POSITIVE_INFINITY, 1];
    expect(scaleOf(values)).toEqual({ low: 1, high: 3 });
    expect(sparkline(values, scaleOf(values), true)).toBe("█!!▁");
  });
});

it("items evenly spread: never more than asked for, the first and the last among them, each once", () => {
  const items = Array.from({ length: 100 }, (_, i) => i);
  expect(evenly(items, 4)).toEqual([0, 33, 66, 99]);
  expect(evenly([1, 2], 4)).toEqual([1, 2]);
  expect(evenly([], 4)).toEqual([]);
});

it("blocks only where the locale is UTF-8; LC_ALL wins over LANG", () => {
  expect(showsUnicode({ LANG: "en_US.UTF-8" })).toBe(true);
  expect(showsUnicode({ LANG: "en_US.UTF-8", LC_ALL: "C" })).toBe(false);
  expect(showsUnicode({})).toBe(false);
});
