/** The diagram of the rooms is the one that the imports make. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}
// A script has no types; these are what it exports.
const script: string = "../../../scripts/room-diagram.mjs";
const { architecturePage, diagram } = (await import(script)) as {
  architecturePage(): string;
  diagram(rooms: readonly (readonly string[])[], edges: readonly Edge[]): string;
};

describe("docs/architecture.md", () => {
  it("has the diagram of today's imports (else: npm run generate)", () => {
    const page = readFileSync(new URL("../../../docs/architecture.md", import.meta.url), "utf8");
    expect(page === architecturePage(), "stale: npm run generate").toBe(true);
  });
});

describe("the diagram of rooms", () => {
  it("leaves out an arrow that follows from a longer way, dots one of types alone, draws the top floor first", () => {
    const edges = [
      { from: "cli", to: "worker", isType: true },
      { from: "cli", to: "base", isType: false },
      { from: "worker", to: "base", isType: false },
    ];
    expect(diagram([["base"], ["worker"], ["cli"]], edges).split("\n")).toEqual([
      "flowchart TD",
      '  subgraph floor2 [" "]',
      "    cli",
      "  end",
      '  subgraph floor1 [" "]',
      "    worker",
      "  end",
      '  subgraph floor0 [" "]',
      "    base",
      "  end",
      "  cli -.-> worker",
      "  worker --> base",
    ]);
  });
});
