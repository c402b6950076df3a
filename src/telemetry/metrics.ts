/**
 * The metrics table: name, type, who serves it, labels, help. The registry, docs/reference/metrics.md and the test that
 * dashboards and alerts name nothing else are made from it. Base units; counters end in `_total`. Bits per byte are `bpb`,
 * as papers have it: Prometheus's linter takes `bits` for a unit that should be bytes.
 */
import { phases } from "./phase.ts";

export type Role = "coordinator" | "worker";

/** Every label with the values it may have, or how many: more than these share the value `other`. */
export const labels = {
  phase: { values: phases, help: "what the process spends its time on" },
  language: { max: 512, help: "BCP 47 code of a language of the run" },
  worker: { max: 128, help: "name of a worker" },
  split: { values: ["train", "validation"], help: "committed steps, or the last evaluation of the validation split" },
  direction: { values: ["sent", "received"], help: "seen from this process" },
  content: { values: ["partial", "average"], help: "what a block carries" },
  course: { values: ["plain", "redone", "finished"], help: "how a step came to its end" },
  kind: { values: ["resident", "heap", "external"], help: "resident: the whole process; heap: JavaScript objects; external: buffers" },
  version: { max: 1, help: "of babelgrad" },
  node: { max: 1, help: "version of Node" },
  backend: { max: 1, help: "what computes" },
  run: { max: 1, help: "id of the run" },
  name: { max: 1, help: "name of the run directory" },
} as const satisfies Record<string, { readonly help: string; readonly values?: readonly string[]; readonly max?: number }>;

export type Label = keyof typeof labels;

export interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  readonly on: readonly Role[];
  readonly labels: readonly Label[];
  readonly help: string;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

const both = ["coordinator", "worker"] as const;
const coordinator = ["coordinator"] as const;
const worker = ["worker"] as const;
const seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500] as const;

export const metrics = {
  babelgrad_build_info: { type: "gauge", on: both, labels: ["version", "node"], help: "Always 1; the labels say what runs." },
  babelgrad_phase_seconds_total: {
    type: "counter",
    on: both,
    labels: ["phase"],
    help: "Wall time by what the process did; the rates of all phases add up to 1.",
  },
  babelgrad_memory_bytes: { type: "gauge", on: both, labels: ["kind"], help: "Memory of the process." },
  babelgrad_start_time_seconds: { type: "gauge", on: both, labels: [], help: "When the process started, in seconds since 1970." },
  babelgrad_restarts: { type: "gauge", on: both, labels: [], help: "Times that the supervisor has started this process again." },

  babelgrad_run_info: { type: "gauge", on: coordinator, labels: ["run", "name"], help: "Always 1; the labels name the run." },
  babelgrad_step: { type: "gauge", on: both, labels: [], help: "Steps committed (coordinator) or applied (worker)." },
  babelgrad_steps: { type: "gauge", on: coordinator, labels: [], help: "Steps until the run is finished." },
  babelgrad_time_left_seconds: { type: "gauge", on: coordinator, labels: [], help: "Estimated time until the run is finished." },
  babelgrad_commits_total: {
    type: "counter",
    on: coordinator,
    labels: ["course"],
    help: "Steps committed by this process: plain; redone after a member was lost; finished from a survivor's averages.",
  },
  babelgrad_skipped_steps_total: {
    type: "counter",
    on: coordinator,
    labels: [],
    help: "Steps committed without an update since their average was not finite.",
  },
  babelgrad_recomputed_leaves_total: { type: "counter", on: coordinator, labels: [], help: "Leaves computed more than once." },
  babelgrad_step_seconds: {
    type: "histogram",
    on: coordinator,
    labels: [],
    buckets: seconds,
    help: "Time from commit to commit, boundaries with checkpoints and evaluations included.",
  },
  babelgrad_tokens_per_second: {
    type: "gauge",
    on: coordinator,
    labels: [],
    help: "Unmasked targets of committed steps a second, over the last steps.",
  },
  babelgrad_loss_nats: { type: "gauge", on: coordinator, labels: ["split"], help: "Mean loss of a target over all languages." },
  babelgrad_bpb: { type: "gauge", on: coordinator, labels: ["split"], help: "Bits per byte of text over all languages." },
  babelgrad_language_loss_nats: { type: "gauge", on: coordinator, labels: ["language", "split"], help: "Mean loss of a target." },
  babelgrad_language_bpb: { type: "gauge", on: coordinator, labels: ["language", "split"], help: "Bits per byte of text." },
  babelgrad_language_tokens_total: {
    type: "counter",
    on: coordinator,
    labels: ["language"],
    help: "Unmasked targets of committed steps since the run began.",
  },
  babelgrad_language_epochs: {
    type: "gauge",
    on: coordinator,
    labels: ["language"],
    help: "Passes over the language's training data since the run began.",
  },
  babelgrad_mixture_drawn_ratio: {
    type: "gauge",
    on: coordinator,
    labels: ["language"],
    help: "Share of the sequences of committed steps.",
  },
  babelgrad_mixture_wanted_ratio: { type: "gauge", on: coordinator, labels: ["language"], help: "Share that the mixture asks for." },
  babelgrad_learning_rate: { type: "gauge", on: coordinator, labels: [], help: "Learning rate of the last step." },
  babelgrad_gradient_norm: {
    type: "gauge",
    on: coordinator,
    labels: [],
    help: "Global norm of the last step's average gradient before clipping.",
  },
  babelgrad_term: { type: "gauge", on: coordinator, labels: [], help: "Life of the coordinator, counted from 1 on the run's log." },
  babelgrad_generations_total: { type: "counter", on: coordinator, labels: [], help: "Generations begun by this process." },
  babelgrad_members: { type: "gauge", on: coordinator, labels: [], help: "Workers that take part in the present generation." },
  babelgrad_workers_connected: { type: "gauge", on: coordinator, labels: [], help: "Workers with a connection, members or not." },
  babelgrad_workers_lost_total: {
    type: "counter",
    on: coordinator,
    labels: [],
    help: "Connections of workers that ended while the run went on.",
  },
  babelgrad_warnings_total: { type: "counter", on: coordinator, labels: [], help: "Warnings that the run has given." },
  babelgrad_worker_up: {
    type: "gauge",
    on: coordinator,
    labels: ["worker"],
    help: "1 while the worker is connected; 0 when it was lost. One that left in order, or was lost an hour ago, is not named.",
  },
  babelgrad_worker_leaves: {
    type: "gauge",
    on: coordinator,
    labels: ["worker"],
    help: "Leaves that the worker computes each step of the present generation.",
  },
  babelgrad_worker_prepare_seconds: {
    type: "gauge",
    on: coordinator,
    labels: ["worker"],
    help: "Time from the start of its last step until the worker had prepared it.",
  },
  babelgrad_checkpoint_step: { type: "gauge", on: coordinator, labels: [], help: "Steps that the newest checkpoint has." },
  babelgrad_checkpoint_timestamp_seconds: {
    type: "gauge",
    on: coordinator,
    labels: [],
    help: "When the newest checkpoint was written, in seconds since 1970.",
  },
  babelgrad_checkpoint_seconds: {
    type: "gauge",
    on: coordinator,
    labels: [],
    help: "Time that the newest checkpoint took from its boundary to the disk.",
  },
  babelgrad_checkpoint_failures_total: { type: "counter", on: coordinator, labels: [], help: "Checkpoints that could not be written." },

  babelgrad_engine_info: { type: "gauge", on: worker, labels: ["backend"], help: "Always 1; the label says what computes." },
  babelgrad_leaves_held: {
    type: "gauge",
    on: worker,
    labels: [],
    help: "Leaves that this worker computes each step of the present generation.",
  },
  babelgrad_leaves_computed_total: { type: "counter", on: worker, labels: [], help: "Leaves computed by this process." },
  babelgrad_leaf_seconds: {
    type: "histogram",
    on: worker,
    labels: [],
    buckets: seconds,
    help: "Time of a leaf's forward and backward pass.",
  },
  babelgrad_worker_tokens_total: {
    type: "counter",
    on: worker,
    labels: [],
    help: "Unmasked targets of the leaves computed by this process, committed or not.",
  },
  babelgrad_matrix_peak_ratio: {
    type: "gauge",
    on: worker,
    labels: [],
    help: "Floating-point operations of the last leaf's matrix products a second, as a share of what one large product reached when the engine was opened.",
  },
  babelgrad_exchange_bytes_total: {
    type: "counter",
    on: worker,
    labels: ["direction", "content"],
    help: "Bytes of blocks on links between workers.",
  },
  babelgrad_links: { type: "gauge", on: worker, labels: [], help: "Open links to other members." },
  babelgrad_reconnects_total: { type: "counter", on: worker, labels: [], help: "Connections to the coordinator after the first." },
  babelgrad_tensors: {
    type: "gauge",
    on: worker,
    labels: [],
    help: "Tensors that the engine holds between two calls: constant, or something leaks.",
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;
