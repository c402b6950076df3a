/** The dashboard that is committed is the one that its source makes, and every picture on it says what it is. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { trainingDashboard } from "../../../deploy/grafana/training.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

const committed = readFileSync(new URL("../../../deploy/grafana/dashboards/training.json", import.meta.url), "utf8");
const { panels } = JSON.parse(committed) as { readonly panels: readonly Panel[] }; // what Grafana's SDK has built
const pictures = panels.filter(({ type }) => type !== "row");

describe("deploy/grafana/dashboards/training.json", () => {
  it("is fresh (else: npm run generate)", () => {
    expect(committed === trainingDashboard(), "stale: npm run generate").toBe(true);
  });

  it("has a picture of everything that a run is judged by", () => {
    const titles = pictures.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    expect(titles).toEqual(
      expect.arrayContaining([
        "Progress",
        "Time left",
        "Loss",
        "Bits per byte by language",
        "Mixture: drawn and wanted",
        "Tokens a second",
        "Step time",
        "What workers spend their time on",
        "Phases of $worker",
        "Workers and members",
        "Time that a worker's leaves take",
        "Exchange traffic",
        "Gradient norm",
        "Learning rate",
        "Memory",
        "Tensors",
        "Checkpoints",
        "Faults",
      ]),
    );
  });

  it.each(pictures)("$title: says what it shows, in which unit, with a legend for each query, inside the width", (panel) => {
    expect(panel.description?.length ?? 0).toBeGreaterThan(10);
    expect(panel.fieldConfig?.defaults.unit).toBeDefined();
    expect(panel.targets?.length).toBeGreaterThan(0);
    for (const { expr, legendFormat } of panel.targets ?? []) {
      expect(legendFormat).not.toBe("");
      expect(expr).toContain('coordinator="$coordinator"');
    }
    expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
  });

  it("no picture lies on another, and each has its own id", () => {
    const cells = new Set<string>();
    for (const { title, gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x} ${y}`), `${title} at ${x}, ${y}`).toBe(false);
          cells.add(`${x} ${y}`);
        }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});
