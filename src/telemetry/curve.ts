/** A curve in one line of text. */

const blocks = "▁▂▃▄▅▆▇█";
/** Low to high where blocks cannot be shown. */
const ascii = "_.-:=+*#";

export interface Scale {
  readonly low: number;
  readonly high: number;
}

/** The least scale on which all these values can be shown; values that are not finite are left out. */
export function scaleOf(...curves: readonly (readonly (number | undefined)[])[]): Scale {
  const finite = curves.flat().filter((value) => value !== undefined && Number.isFinite(value));
  return {
    low: finite.reduce((a: number, b) => Math.min(a, b ?? a), Number.POSITIVE_INFINITY),
    high: finite.reduce((a: number, b) => Math.max(a, b ?? a), Number.NEGATIVE_INFINITY),
  };
}

/** One character a value: eight heights from the scale's low to its high; a blank where there is no value, `!` where it is not finite. */
export function sparkline(values: readonly (number | undefined)[], { low, high }: Scale, isUnicode: boolean): string {
  const marks = isUnicode ? blocks : ascii;
  return values
    .map((value) => {
      if (value === undefined) return " ";
      if (!Number.isFinite(value)) return "!";
      const height = high > low ? (value - low) / (high - low) : 0;
      return marks.charAt(Math.min(marks.length - 1, Math.max(0, Math.floor(height * marks.length))));
    })
    .join("");
}

/** At most `count` of the items, evenly spread, the first and the last among them. */
export function evenly<T>(items: readonly T[], count: number): readonly T[] {
  if (items.length <= count) return items;
  return Array.from({ length: count }, (_, i) => Math.round((i * (items.length - 1)) / Math.max(1, count - 1))).flatMap((i) =>
    items.slice(i, i + 1),
  );
}

/** Whether the terminal of this environment shows more than ASCII. */
export function showsUnicode(environment: Readonly<Record<string, string | undefined>>): boolean {
  const locale = environment["LC_ALL"] || environment["LC_CTYPE"] || environment["LANG"] || "";
  return /utf-?8/i.test(locale);
}
