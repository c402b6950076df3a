#!/usr/bin/env node
/** Writes docs/reference from the tables; a unit test checks that the pages are fresh. Builds first when needed. */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "./setup/build.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stage = build(root);
if (!stage.isDone()) stage.run();
const { referenceFiles } = await import("../dist/config/reference.js");
const { metricsPage } = await import("../dist/telemetry/metrics-page.js");
for (const [name, text] of Object.entries({ ...referenceFiles(), "metrics.md": metricsPage() })) {
  writeFileSync(join(root, "docs", "reference", name), text);
  console.log(`docs/reference/${name}`);
}
