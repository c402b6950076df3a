/** The name that a mistyped one most likely meant. */

/**
 * The candidate with the fewest insertions, deletions, replacements and swaps away; the first of equals. A forgotten
 * group counts as one change, so `leaves` is near `step.leaves`.
 */
export function nearest(name: string, candidates: readonly string[]): string {
  let best = candidates[0] ?? "";
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const whole = distanceBetween(name.toLowerCase(), candidate.toLowerCase());
    const inGroup = distanceBetween(name.toLowerCase(), candidate.slice(candidate.indexOf(".") + 1).toLowerCase()) + 1;
    const distance = Math.min(whole, inGroup);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Damerau–Levenshtein distance with adjacent swaps, row by row. */
function distanceBetween(a: string, b: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforeLast[j - 2] ?? 0) + 1 : replaced;
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced, swapped));
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
