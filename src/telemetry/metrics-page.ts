/** docs/reference/metrics.md, made from the metrics table. */
import { type Label, labels, type Metric, metrics, type Role } from "./metrics.ts";

export function metricsPage(): string {
  return `<!-- Generated from the table by \`npm run generate\`: change the table, not this page. -->
# Metrics

In the text format of Prometheus at \`/metrics\`, without a token: of the coordinator on \`net.port\` (and on \`metrics.port\` when that is
set), of each worker on the port where other workers reach it, which the coordinator lists at \`/sd\` for Prometheus's HTTP service
discovery. \`/healthz\` and \`/readyz\` answer 200 or 503 at the same places. A counter begins at 0 when its process starts; a gauge shows
once its value is known.

## Of both

${table((on) => on.length === 2)}

## Of the coordinator

${table((on) => on.join() === "coordinator")}

## Of a worker

${table((on) => on.join() === "worker")}

## Labels

A label with a bound has at most so many values in a process; more share the value \`other\`.

| label | values | meaning |
| --- | --- | --- |
${Object.keys(labels)
  .map((name) => labelRow(name as Label)) // keys of the table itself
  .join("\n")}
`;
}

function table(isWanted: (on: readonly Role[]) => boolean): string {
  const wanted = (Object.entries(metrics) as [string, Metric][]).filter(([, { on }]) => isWanted(on));
  const rows = wanted.map(([name, { type, labels: names, help }]) => `| \`${name}\` | ${type} | ${names.map(code).join(", ")} | ${help} |`);
  return `| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n${rows.join("\n")}`;
}

function labelRow(name: Label): string {
  const row = labels[name];
  return `| \`${name}\` | ${"values" in row ? row.values.map(code).join(", ") : `at most ${row.max}`} | ${row.help} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
