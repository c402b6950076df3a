/**
 * The metrics of one process, made from the table: what the table does not know, or knows of the other role or with
 * other labels, does not compile. A counter begins at 0; a gauge does not show before it is known.
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { assert } from "../../base/assert.ts";
import { type Label, labels as labelTable, type Metric, type MetricName, metrics, type Role } from "../metrics.ts";

type Table = typeof metrics;
/** Of all roles in R: `Role` stands for what every process has. */
type NamesOf<R extends Role, T extends Metric["type"]> = {
  [N in MetricName]: Table[N]["type"] extends T ? ([R] extends [Table[N]["on"][number]] ? N : never) : never;
}[MetricName];

type LabelValue<L extends Label> = (typeof labelTable)[L] extends { readonly values: readonly (infer V extends string)[] } ? V : string;
type LabelsOf<N extends MetricName> = { readonly [L in Table[N]["labels"][number]]: LabelValue<L> };
/** A metric without labels takes no third argument. */
type LabelArguments<N extends MetricName> = Table[N]["labels"][number] extends never ? [] : [labels: LabelsOf<N>];

/** What stands for every value of a label after as many as the table allows. */
export const otherValue = "other";

type Labels = Readonly<Record<string, string>>;

export class Metrics<R extends Role> {
  readonly #registry = new Registry();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #counters = new Map<MetricName, Counter>();
  readonly #histograms = new Map<MetricName, Histogram>();
  /** Values seen of each label that has a bound. */
  readonly #seen = new Map<Label, Set<string>>();
  /** Totals given to `raise`, by metric and labels. */
  readonly #totals = new Map<string, number>();
  readonly #beforeScrape: (() => void)[] = [];

  constructor(role: R) {
    for (const [name, metric] of entriesOf(role)) {
      if (metric.type === "counter") this.#makeCounter(name, metric);
      else if (metric.type === "histogram")
        this.#histograms.set(name, new Histogram({ ...this.#head(name), buckets: [...(metric.buckets ?? [])] }));
    }
  }

  /** A gauge's value. */
  set<N extends NamesOf<R, "gauge">>(name: N, value: number, ...[labels]: LabelArguments<N>): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge(this.#head(name));
      this.#gauges.set(name, gauge);
    }
    gauge.set(this.#bounded(labels), value);
  }

  /** Adds to a counter. */
  add<N extends NamesOf<R, "counter">>(name: N, amount: number, ...[labels]: LabelArguments<N>): void {
    this.#counters.get(name)?.inc(this.#bounded(labels), amount);
  }

  /** A counter's total, where that is counted elsewhere. It must not fall. */
  raise<N extends NamesOf<R, "counter">>(name: N, total: number, ...[labels]: LabelArguments<N>): void {
    const key = `${name} ${JSON.stringify(labels ?? {})}`;
    const before = this.#totals.get(key) ?? 0;
    assert(total >= before, `${name} fell from ${before} to ${total}`);
    this.#totals.set(key, total);
    this.#counters.get(name)?.inc(this.#bounded(labels), total - before);
  }

  /** One observation of a histogram. */
  observe<N extends NamesOf<R, "histogram">>(name: N, value: number, ...[labels]: LabelArguments<N>): void {
    this.#histograms.get(name)?.observe(this.#bounded(labels), value);
  }

  /** Forgets one series of a gauge. */
  drop<N extends NamesOf<R, "gauge">>(name: N, ...[labels]: LabelArguments<N>): void {
    this.#gauges.get(name)?.remove({ ...labels } as Record<string, string>); // what LabelArguments says
  }

  /** Forgets a value of a label in every gauge of that label alone, and gives its place to another. */
  forget(label: Label, value: string): void {
    if (this.#seen.get(label)?.delete(value) !== true) return;
    for (const [name, gauge] of this.#gauges) if (metrics[name].labels.join() === label) gauge.remove({ [label]: value });
  }

  /** Called before each text: for values that are cheaper to look up than to follow. It must not wait for anything. */
  onScrape(update: () => void): void {
    this.#beforeScrape.push(update);
  }

  /** The text format of Prometheus. */
  async text(): Promise<string> {
    for (const update of this.#beforeScrape) update();
    return this.#registry.metrics();
  }

  #head(name: MetricName) {
    return { name, help: metrics[name].help, labelNames: [...metrics[name].labels], registers: [this.#registry] };
  }

  /** Where every label's values are known, all series are there from the start: a rate needs the 0 before the first 1. */
  #makeCounter(name: MetricName, metric: Metric): void {
    const counter = new Counter(this.#head(name));
    this.#counters.set(name, counter);
    for (const labels of combinationsOf(metric.labels)) counter.inc(labels, 0);
  }

  #bounded(labels: object | undefined): Record<string, string> {
    const bounded: Record<string, string> = {};
    // The signatures allow labels of the table only.
    for (const [name, value] of Object.entries(labels ?? {})) bounded[name] = this.#boundedValue(name as Label, String(value));
    return bounded;
  }

  #boundedValue(name: Label, value: string): string {
    const row = labelTable[name];
    if ("values" in row) {
      assert((row.values as readonly string[]).includes(value), `${value} is a ${name}`);
      return value;
    }
    const seen = this.#seen.get(name) ?? new Set<string>();
    this.#seen.set(name, seen);
    if (seen.has(value)) return value;
    if (seen.size >= row.max) return otherValue;
    seen.add(value);
    return value;
  }
}

/** The metrics that a process of this role serves. */
export function entriesOf(role: Role): readonly (readonly [MetricName, Metric])[] {
  return (Object.entries(metrics) as [MetricName, Metric][]).filter(([, { on }]) => on.includes(role)); // keys of the table itself
}

/** Every combination of the labels' values; none when the values of one are not known beforehand. */
function combinationsOf(names: readonly Label[]): readonly Labels[] {
  let combinations: Labels[] = names.length === 0 ? [] : [{}];
  for (const name of names) {
    const row = labelTable[name];
    const values: readonly string[] = "values" in row ? row.values : [];
    combinations = combinations.flatMap((labels) => values.map((value) => ({ ...labels, [name]: value })));
  }
  return combinations;
}
