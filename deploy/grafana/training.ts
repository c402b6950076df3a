/**
 * The dashboard *Training*, as Grafana's own SDK builds it; `npm run generate` writes dashboards/training.json.
 *
 * The first screen answers "does it go well?": one line of figures, then learning, then time. Rows below say why not.
 * Every query asks for one coordinator; `$run` is the name by which people know it.
 */

import { PanelBuilder as BarGauge } from "@grafana/grafana-foundation-sdk/bargauge";
import {
  BarGaugeDisplayMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  type DataSourceRef,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  QueryVariableBuilder,
  RowBuilder,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as Stat } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StateTimeline } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as TimeSeries } from "@grafana/grafana-foundation-sdk/timeseries";
import { phases } from "../../src/telemetry/phase.ts";

/** A query and what its series are called. */
type Query = readonly [expr: string, legend: string];
type Titled = readonly [title: string, description: string];

const datasource: DataSourceRef = { type: "prometheus", uid: "$datasource" };

/** Selectors: of the chosen run; of its workers; of its languages. */
const ofRun = 'coordinator="$coordinator"';
const ofWorkers = `${ofRun}, worker=~"$worker"`;
const ofLanguages = `${ofRun}, language=~"$language"`;

const phaseColors: Readonly<Record<(typeof phases)[number], string>> = {
  compute: "green",
  exchange: "orange",
  commit: "purple",
  data: "red",
  checkpoint: "blue",
  idle: "#808080",
};

const green: Threshold = { value: null, color: "green" };
const plain: Threshold = { value: null, color: "text" };

export function trainingDashboard(): string {
  return `${JSON.stringify(dashboard().build(), undefined, 2)}\n`;
}

function dashboard(): DashboardBuilder {
  const board = new DashboardBuilder("Training")
    .uid("babelgrad-training")
    .description("A run of Babelgrad: whether it goes well, and if not, where to look.")
    .tags(["babelgrad"])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-1h", to: "now" })
    .refresh("10s")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus").hide(VariableHide.HideVariable))
    .withVariable(variable("run", "Run", "label_values(babelgrad_run_info, name)"))
    .withVariable(
      variable("coordinator", "Coordinator", 'label_values(babelgrad_run_info{name="$run"}, coordinator)').hide(VariableHide.HideVariable),
    )
    .withVariable(several(variable("language", "Language", `label_values(babelgrad_mixture_wanted_ratio{${ofRun}}, language)`)))
    .withVariable(several(variable("worker", "Worker", `label_values(babelgrad_worker_up{${ofRun}}, worker)`)))
    .annotation(annotation("Worker lost", "red", `increase(babelgrad_workers_lost_total{${ofRun}}[$__rate_interval]) > 0`))
    .annotation(annotation("Alert", "orange", `ALERTS{${ofRun}, alertstate="firing"}`).titleFormat("{{alertname}} {{worker}}"));
  const panels = [...firstScreen(), ...learning(), ...languages(), ...speed(), ...workers(), ...exchange(), ...keeping(), ...faults()];
  for (const [index, panel] of panels.entries()) {
    panel.id(index + 1);
    if (panel instanceof RowBuilder) board.withRow(panel);
    else board.withPanel(panel);
  }
  return board;
}

type Panel = TimeSeries | Stat | BarGauge | StateTimeline | RowBuilder;

function firstScreen(): readonly Panel[] {
  return [
    stat(["Run", "Name of the run directory."], "none", [`babelgrad_run_info{${ofRun}}`, "{{name}}"])
      .textMode(BigValueTextMode.Name)
      .graphMode(BigValueGraphMode.None)
      .colorMode(BigValueColorMode.None),
    stat(["Progress", "Steps committed, of the steps of the run."], "percentunit", [
      `babelgrad_step{${ofRun}} / babelgrad_steps{${ofRun}}`,
      "committed",
    ])
      .decimals(1)
      .min(0)
      .max(1),
    stat(["Time left", "At the pace of the last steps, evaluations and checkpoints included."], "s", [
      `babelgrad_time_left_seconds{${ofRun}}`,
      "left",
    ]).graphMode(BigValueGraphMode.None),
    stat(["Validation", "Bits per byte of the validation split over all languages: lower is better."], "none", [
      `babelgrad_bpb{${ofRun}, split="validation"}`,
      "bits per byte",
    ]).decimals(3),
    stat(["Speed", "Targets of committed steps a second."], "si:tok/s", [`babelgrad_tokens_per_second{${ofRun}}`, "tokens"]),
    stat(
      ["Members", "Workers that compute steps now."],
      "none",
      [`babelgrad_members{${ofRun}}`, "members"],
      [
        { value: null, color: "red" },
        { value: 1, color: "green" },
      ],
    ),
    stat(
      ["Last checkpoint", "Age of the newest whole checkpoint: so much would be computed again if all workers died."],
      "s",
      [`time() - babelgrad_checkpoint_timestamp_seconds{${ofRun}}`, "ago"],
      [green, { value: 1800, color: "orange" }, { value: 3600, color: "red" }],
    ).graphMode(BigValueGraphMode.None),
    stat(
      ["Alerts", "Rules of alerts.yml that fire for this run; each says what to do."],
      "none",
      [`count(ALERTS{${ofRun}, alertstate="firing"}) or vector(0)`, "firing"],
      [green, { value: 1, color: "red" }],
    ).colorMode(BigValueColorMode.Background),
    graph(
      ["Loss", "Mean loss of a target over all languages. Both should fall; validation that rises while training falls is overfitting."],
      "none",
      [
        [`babelgrad_loss_nats{${ofRun}, split="train"}`, "training"],
        [`babelgrad_loss_nats{${ofRun}, split="validation"}`, "validation"],
      ],
    )
      .span(12)
      .axisLabel("nats")
      .decimals(3),
    graph(["Bits per byte by language", "Of the validation split. Comparable between languages and tokenizers: lower is better."], "none", [
      [`babelgrad_language_bpb{${ofLanguages}, split="validation"}`, "{{language}}"],
    ])
      .span(12)
      .axisLabel("bits per byte")
      .decimals(3)
      .legend(legendTable()),
    graph(["Tokens a second", "Targets of committed steps, over the last steps."], "si:tok/s", [
      [`babelgrad_tokens_per_second{${ofRun}}`, "committed"],
      [`sum(rate(babelgrad_worker_tokens_total{${ofWorkers}}[$__rate_interval]))`, "computed by workers"],
    ])
      .span(8)
      .min(0),
    shares(
      ["What workers spend their time on", "Mean over workers. Compute should fill it; exchange waits for the slowest or the network."],
      [`avg by (phase) (rate(babelgrad_phase_seconds_total{job="babelgrad-worker", ${ofWorkers}}[$__rate_interval]))`, "{{phase}}"],
    ).span(8),
    timeline(["Workers", "Connected, or lost and not yet back."], [`babelgrad_worker_up{${ofWorkers}}`, "{{worker}}"]).span(8),
  ];
}

function learning(): readonly Panel[] {
  return [
    new RowBuilder("Learning"),
    graph(
      [
        "Gradient norm",
        "Global norm of the average gradient before clipping. A rise by an order of magnitude comes before a diverging loss.",
      ],
      "none",
      [[`babelgrad_gradient_norm{${ofRun}}`, "norm"]],
    )
      .span(8)
      .scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Log).log(10)),
    graph(["Learning rate", "Of the last step: warm-up, then the schedule."], "sci", [[`babelgrad_learning_rate{${ofRun}}`, "rate"]])
      .span(8)
      .min(0),
    graph(["Bits per byte", "Over all languages."], "none", [
      [`babelgrad_bpb{${ofRun}, split="train"}`, "training"],
      [`babelgrad_bpb{${ofRun}, split="validation"}`, "validation"],
    ])
      .span(8)
      .axisLabel("bits per byte")
      .decimals(3),
  ];
}

function languages(): readonly Panel[] {
  return [
    new RowBuilder("Languages"),
    bars(
      [
        "Mixture: drawn and wanted",
        "Share of the sequences so far, beside the share that the mixture asks for. They differ by less than a step.",
      ],
      "percentunit",
      [
        [`babelgrad_mixture_drawn_ratio{${ofLanguages}}`, "{{language}} drawn"],
        [`babelgrad_mixture_wanted_ratio{${ofLanguages}}`, "{{language}} wanted"],
      ],
    )
      .span(8)
      .min(0),
    graph(["Training loss by language", "Of the last step, in which a rare language has few sequences: expect noise."], "none", [
      [`babelgrad_language_loss_nats{${ofLanguages}, split="train"}`, "{{language}}"],
    ])
      .span(8)
      .axisLabel("nats")
      .decimals(3)
      .legend(legendTable()),
    graph(["Tokens by language", "Targets of committed steps a second."], "si:tok/s", [
      [`rate(babelgrad_language_tokens_total{${ofLanguages}}[$__rate_interval])`, "{{language}}"],
    ])
      .span(8)
      .min(0)
      .fillOpacity(40)
      .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
      .legend(legendTable()),
    bars(
      ["Passes over the data", "How often each language's training data has been seen. More than about four passes teach little."],
      "none",
      [[`babelgrad_language_epochs{${ofLanguages}}`, "{{language}}"]],
      [green, { value: 4, color: "orange" }],
    )
      .span(12)
      .decimals(2)
      .min(0),
    bars(
      [
        "Loss by language, validation",
        "Mean loss of a target at the last evaluation. Not comparable between languages: see bits per byte.",
      ],
      "none",
      [[`babelgrad_language_loss_nats{${ofLanguages}, split="validation"}`, "{{language}}"]],
    )
      .span(12)
      .decimals(3)
      .min(0),
  ];
}

function speed(): readonly Panel[] {
  const bucket = `sum by (le) (rate(babelgrad_step_seconds_bucket{${ofRun}}[$__rate_interval]))`;
  return [
    new RowBuilder("Speed"),
    graph(["Step time", "From commit to commit; boundaries with checkpoints and evaluations are the tail."], "s", [
      [
        `rate(babelgrad_step_seconds_sum{${ofRun}}[$__rate_interval]) / rate(babelgrad_step_seconds_count{${ofRun}}[$__rate_interval])`,
        "mean",
      ],
      [`histogram_quantile(0.5, ${bucket})`, "half are quicker"],
      [`histogram_quantile(0.95, ${bucket})`, "95 % are quicker"],
    ])
      .span(8)
      .min(0),
    graph(
      [
        "Share of the matrix peak",
        "Of what one large product reached when the engine was opened. Small models stay low: launching operations costs more than they do.",
      ],
      "percentunit",
      [[`babelgrad_matrix_peak_ratio{${ofWorkers}}`, "{{worker}}"]],
    )
      .span(8)
      .min(0),
    shares(
      [
        "What the coordinator waits for",
        "compute until the first member is prepared, exchange until the last is, commit while the log is written.",
      ],
      [`avg by (phase) (rate(babelgrad_phase_seconds_total{job="babelgrad-coordinator", ${ofRun}}[$__rate_interval]))`, "{{phase}}"],
    ).span(8),
    shares(
      ["Phases of $worker", "Share of its time. data above a tenth: its disk or processor cannot keep up."],
      [`avg by (phase) (rate(babelgrad_phase_seconds_total{job="babelgrad-worker", ${ofWorkers}}[$__rate_interval]))`, "{{phase}}"],
    )
      .span(8)
      .repeat("worker")
      .repeatDirection("h")
      .maxPerRow(4),
  ];
}

function workers(): readonly Panel[] {
  const leafSeconds = `rate(babelgrad_leaf_seconds_sum{${ofWorkers}}[$__rate_interval]) / rate(babelgrad_leaf_seconds_count{${ofWorkers}}[$__rate_interval])`;
  return [
    new RowBuilder("Workers"),
    graph(
      [
        "Workers and members",
        "Connected workers join as members at a boundary. A generation is a fixed set of members: each change begins one.",
      ],
      "none",
      [
        [`babelgrad_workers_connected{${ofRun}}`, "connected"],
        [`babelgrad_members{${ofRun}}`, "members"],
        [`babelgrad_generations_total{${ofRun}}`, "generations"],
        [`babelgrad_term{${ofRun}}`, "lives of the coordinator"],
      ],
    )
      .span(8)
      .decimals(0)
      .min(0),
    graph(
      [
        "Time that a worker's leaves take",
        "The straggler is the highest line: all others wait for it. Leaves are dealt so that the lines lie close together.",
      ],
      "s",
      [[`(${leafSeconds}) * babelgrad_leaves_held{${ofWorkers}}`, "{{worker}}"]],
    )
      .span(8)
      .min(0),
    bars(["Time of one leaf", "How quick the machines are: more than twice the quickest is a straggler's sign."], "s", [
      [leafSeconds, "{{worker}}"],
    ])
      .span(8)
      .decimals(3)
      .min(0),
    graph(
      [
        "Until a worker has prepared the step",
        "From the step's start, exchange included. Those who wait for a straggler's partials come late with it.",
      ],
      "s",
      [[`babelgrad_worker_prepare_seconds{${ofWorkers}}`, "{{worker}}"]],
    )
      .span(12)
      .min(0),
    graph(["Leaves by worker", "How the leaves of a step are dealt; a lost worker's go to the others."], "none", [
      [`babelgrad_worker_leaves{${ofWorkers}}`, "{{worker}}"],
    ])
      .span(12)
      .decimals(0)
      .min(0)
      .fillOpacity(40)
      .stacking(new StackingConfigBuilder().mode(StackingMode.Normal)),
  ];
}

function exchange(): readonly Panel[] {
  return [
    new RowBuilder("Exchange"),
    graph(
      ["Exchange traffic", "Blocks on links between workers: partials go to a block's owner, averages from it to everyone."],
      "binBps",
      [[`sum by (direction, content) (rate(babelgrad_exchange_bytes_total{${ofWorkers}}[$__rate_interval]))`, "{{content}} {{direction}}"]],
    )
      .span(12)
      .min(0),
    graph(
      ["Exchange traffic by worker", "Sent and received. Uneven lines: blocks are owned unevenly, or a worker sends twice after a change."],
      "binBps",
      [[`sum by (worker, direction) (rate(babelgrad_exchange_bytes_total{${ofWorkers}}[$__rate_interval]))`, "{{worker}} {{direction}}"]],
    )
      .span(6)
      .min(0),
    graph(
      [
        "Links and reconnections",
        "Every member has a link to every other. Reconnections are to the coordinator, after the first connection.",
      ],
      "none",
      [
        [`babelgrad_links{${ofWorkers}}`, "{{worker}} links"],
        [`babelgrad_reconnects_total{${ofWorkers}}`, "{{worker}} reconnections"],
      ],
    )
      .span(6)
      .decimals(0)
      .min(0),
  ];
}

function keeping(): readonly Panel[] {
  return [
    new RowBuilder("Memory and checkpoints"),
    graph(["Memory", "Of each process, everything included. Flat after the first minutes."], "bytes", [
      [`babelgrad_memory_bytes{${ofRun}, kind="resident"}`, "{{job}} {{worker}}"],
    ])
      .span(8)
      .min(0),
    graph(["Memory of JavaScript", "heap: objects; external: buffers."], "bytes", [
      [`babelgrad_memory_bytes{${ofRun}, kind!="resident"}`, "{{job}} {{worker}} {{kind}}"],
    ])
      .span(8)
      .min(0),
    graph(["Tensors", "What the engine holds between two calls: a constant, or something leaks."], "none", [
      [`babelgrad_tensors{${ofWorkers}}`, "{{worker}}"],
    ])
      .span(8)
      .decimals(0),
    graph(["Checkpoints", "Step of the newest whole checkpoint, beside the step of the run."], "none", [
      [`babelgrad_step{job="babelgrad-coordinator", ${ofRun}}`, "committed"],
      [`babelgrad_checkpoint_step{${ofRun}}`, "on disk"],
    ])
      .span(8)
      .decimals(0),
    graph(["Time of a checkpoint", "From its boundary to the disk; the run goes on meanwhile."], "s", [
      [`babelgrad_checkpoint_seconds{${ofRun}}`, "newest"],
    ])
      .span(8)
      .min(0),
    graph(["Age of the newest checkpoint", "A saw: it falls to nothing whenever one is whole."], "s", [
      [`time() - babelgrad_checkpoint_timestamp_seconds{${ofRun}}`, "age"],
    ])
      .span(8)
      .min(0),
  ];
}

function faults(): readonly Panel[] {
  return [
    new RowBuilder("Faults"),
    graph(
      [
        "Steps by their course",
        "redone: a member was lost and others computed its leaves; finished: a survivor had the averages. The weights are the same.",
      ],
      "ops",
      [[`sum by (course) (rate(babelgrad_commits_total{${ofRun}}[$__rate_interval]))`, "{{course}}"]],
    )
      .span(8)
      .min(0)
      .unit("si:steps/s"),
    graph(
      [
        "Faults",
        "Within the window of a point. Lost workers, leaves computed again, steps without an update, checkpoints that failed, warnings.",
      ],
      "none",
      [
        [`increase(babelgrad_workers_lost_total{${ofRun}}[$__rate_interval])`, "workers lost"],
        [`increase(babelgrad_recomputed_leaves_total{${ofRun}}[$__rate_interval])`, "leaves computed again"],
        [`increase(babelgrad_skipped_steps_total{${ofRun}}[$__rate_interval])`, "steps skipped"],
        [`increase(babelgrad_checkpoint_failures_total{${ofRun}}[$__rate_interval])`, "checkpoints failed"],
        [`increase(babelgrad_warnings_total{${ofRun}}[$__rate_interval])`, "warnings"],
      ],
    )
      .span(8)
      .min(0)
      .drawStyle(GraphDrawStyle.Bars)
      .fillOpacity(60),
    graph(["Starts", "Times that a supervisor has started a process again, and hours that each has lived."], "none", [
      [`babelgrad_restarts{${ofRun}}`, "{{job}} {{worker}} restarts"],
      [`(time() - babelgrad_start_time_seconds{${ofRun}}) / 3600`, "{{job}} {{worker}} hours"],
    ])
      .span(8)
      .min(0),
  ];
}

function variable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc);
}

function several(one: QueryVariableBuilder): QueryVariableBuilder {
  return one.multi(true).includeAll(true).current({ selected: true, text: "All", value: "$__all" });
}

function annotation(name: string, color: string, expr: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder().name(name).datasource(datasource).enable(true).iconColor(color).expr(expr);
}

function queryOf([expr, legend]: Query, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .expr(expr)
    .legendFormat(legend)
    .refId(String.fromCharCode(65 + index));
}

/** Lines over time; four units high for each figure of the first line, eight for pictures. */
function graph([title, description]: Titled, unit: string, queries: readonly Query[]): TimeSeries {
  return new TimeSeries()
    .title(title)
    .description(description)
    .datasource(datasource)
    .height(8)
    .unit(unit)
    .lineWidth(2)
    .showPoints(VisibilityMode.Never)
    .spanNulls(false)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .legend(new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .targets(queries.map((query, index) => queryOf(query, index).range()));
}

/** With the last value of each, for when there are many lines. */
function legendTable(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Right)
    .calcs(["lastNotNull"])
    .sortBy("Last *")
    .sortDesc(true);
}

/** Phases stacked up to the whole of the time. */
function shares(titled: Titled, query: Query): TimeSeries {
  const picture = graph(titled, "percentunit", [query])
    .min(0)
    .max(1)
    .lineWidth(0)
    .fillOpacity(70)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  for (const phase of phases) picture.overrideByName(phase, [{ id: "color", value: { mode: "fixed", fixedColor: phaseColors[phase] } }]);
  return picture;
}

function stat([title, description]: Titled, unit: string, query: Query, steps: readonly Threshold[] = [plain]): Stat {
  return new Stat()
    .title(title)
    .description(description)
    .datasource(datasource)
    .height(4)
    .span(3)
    .unit(unit)
    .thresholds(thresholds(steps))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.Area)
    .textMode(BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .withTarget(queryOf(query, 0).range());
}

/** The present values, one bar each. */
function bars([title, description]: Titled, unit: string, queries: readonly Query[], steps: readonly Threshold[] = [green]): BarGauge {
  return new BarGauge()
    .title(title)
    .description(description)
    .datasource(datasource)
    .height(8)
    .unit(unit)
    .thresholds(thresholds(steps))
    .displayMode(BarGaugeDisplayMode.Basic)
    .orientation(VizOrientation.Horizontal)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .targets(queries.map((query, index) => queryOf(query, index).instant()));
}

function timeline([title, description]: Titled, query: Query): StateTimeline {
  return new StateTimeline()
    .title(title)
    .description(description)
    .datasource(datasource)
    .height(8)
    .unit("none")
    .mergeValues(true)
    .fillOpacity(70)
    .lineWidth(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .thresholds(
      thresholds([
        { value: null, color: "red" },
        { value: 1, color: "green" },
      ]),
    )
    .mappings([{ type: MappingType.ValueToText, options: { "0": { text: "lost", index: 0 }, "1": { text: "connected", index: 1 } } }])
    .legend(new VizLegendOptionsBuilder().showLegend(false).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom))
    .withTarget(queryOf(query, 0).range());
}

function thresholds(steps: readonly Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps]);
}
