#!/usr/bin/env node
/** Writes docs/reference, the diagram of docs/architecture.md and the dashboard from their sources; unit tests check that they are fresh. Builds first when needed. */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { architecturePage } from "./room-diagram.mjs";
import { build } from "./setup/build.mjs";
import "../test/typescript-loader.mjs"; // deploy/ is not built

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stage = build(root);
if (!stage.isDone()) stage.run();
const { referenceFiles } = await import("../dist/config/reference.js");
const { metricsPage } = await import("../dist/telemetry/metrics-page.js");
for (const [name, text] of Object.entries({ ...referenceFiles(), "metrics.md": metricsPage() })) {
  writeFileSync(join(root, "docs", "reference", name), text);
  console.log(`docs/reference/${name}`);
}

writeFileSync(join(root, "docs", "architecture.md"), architecturePage());
console.log("docs/architecture.md");

const { trainingDashboard } = await import("../deploy/grafana/training.ts");
const dashboard = join("deploy", "grafana", "dashboards", "training.json");
writeFileSync(join(root, dashboard), trainingDashboard());
console.log(dashboard);
