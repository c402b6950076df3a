/** Rows of cells as lines of aligned text. */

/** The first column is flush left, the others flush right unless `left` names them. Nothing follows the last character of a line. */
export function textTable(rows: readonly (readonly string[])[], left: readonly number[] = [0]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  return rows.map((row) =>
    row
      .map((cell, column) => (left.includes(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
