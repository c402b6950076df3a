/** The table, its page, and whoever names a metric (dashboards, alert rules, documentation) agree. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { type Metric, metrics } from "../../../src/telemetry/metrics.ts";
import { metricsPage } from "../../../src/telemetry/metrics-page.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Every name that Prometheus has for the table's metrics: a histogram has three. */
const names = new Set(
  (Object.entries(metrics) as [string, Metric][]).flatMap(([name, { type }]) =>
    type === "histogram" ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

/** Not metrics: names of recorded rules are `level:metric:operation` and begin otherwise. */
function metricsNamedIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/(?<![\w:./-])babelgrad_[a-z0-9_]+(?!:)\b/g)].map(([name]) => name))];
}

function filesBelow(folder: string, pattern: RegExp): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => pattern.test(name) && !name.includes("node_modules"))
    .map((name) => join(folder, name));
}

const sources = ["README.md", ...filesBelow("docs", /\.md$/), ...filesBelow("deploy", /\.(json|ya?ml|md|ts|mjs)$/)];

describe("docs/reference/metrics.md", () => {
  it("is fresh (else: npm run generate)", () => {
    expect(readFileSync(join(root, "docs/reference/metrics.md"), "utf8") === metricsPage(), "stale: npm run generate").toBe(true);
  });
});

describe("a metric that is named somewhere", () => {
  it.each(sources)("%s names those of the table and no other", (file) => {
    const unknown = metricsNamedIn(readFileSync(join(root, file), "utf8")).filter((name) => !names.has(name));
    expect(unknown, `${file} names metrics that src/telemetry/metrics.ts does not have`).toEqual([]);
  });

  it("is found in a query, and one that does not exist is found too", () => {
    const query = 'sum(rate(babelgrad_commits_total{course="redone"}[5m])) / babelgrad_speed';
    expect(metricsNamedIn(query)).toEqual(["babelgrad_commits_total", "babelgrad_speed"]);
  });
});
