/**
 * A run's log folded into where the run stands. Every step keeps its lineage; whole records are kept only
 * from the state on that a restart would load, because a replay begins there. It grows with each append.
 */
import { present } from "../base/assert.ts";
import { BabelgradError } from "../base/errors.ts";
import type { Digest, Step } from "../base/ids.ts";
import { addTallies, type Tally } from "../step/tally.ts";
import type { Position } from "../wire/messages.ts";
import type { CommittedStep } from "./cluster-events.ts";
import { DigestList } from "./digest-list.ts";
import type { History } from "./history.ts";
import type { GenerationRecord, RunRecord } from "./run-records.ts";

export class RunHistory implements History {
  /** The run's first step: 0, or the one that it was forked at. */
  readonly first: Step;
  /** [0] the lineage before the first step, [s − first + 1] the one after step s. */
  readonly #lineages = new DigestList();
  readonly #evaluated = new Set<Step>();
  readonly #records = new Map<Step, CommittedStep>();
  #recordsFrom: Step;
  #term = 0;
  #lastGeneration: GenerationRecord | undefined;
  #totals: Tally = [];
  #lastEvaluation: { readonly step: Step; readonly tally: Tally } | undefined;
  #stored: Position | undefined;

  /** `recordsFrom`: no replay begins before this step; that of the oldest checkpoint on disk. */
  constructor(recordsFrom: Step, first: Step = 0) {
    this.#recordsFrom = Math.max(recordsFrom, first);
    this.first = first;
  }

  /** The lineage of the initial state, once the numeric class is known. A log with steps has said it already: `run-damaged` when otherwise. */
  begin(lineage: Digest): void {
    const known = this.#lineages.at(0);
    if (known !== undefined && known !== lineage) {
      const what = `the log began with lineage ${known.slice(0, 12)}…, but by run.json and config.yaml it is ${lineage.slice(0, 12)}…`;
      throw new BabelgradError("run-damaged", what, { path: "run.json or config.yaml" });
    }
    if (known === undefined) this.#lineages.push(lineage);
  }

  get isBegun(): boolean {
    return this.#lineages.length > 0;
  }

  /** Takes the next record of the log; `log-damaged` when it does not follow from those before. */
  take(record: RunRecord): void {
    switch (record.kind) {
      case "term":
        check(record.term > this.#term, `term ${record.term} follows term ${this.#term}`);
        this.#term = record.term;
        return;
      case "generation":
        this.#lastGeneration = record;
        return;
      case "step":
        return this.#takeStep(record);
      case "evaluation":
        // A fork may be evaluated before its first step.
        if (record.step === this.first && !this.isBegun) this.begin(record.lineage);
        check(this.lineageAt(record.step) === record.lineage, `an evaluation is of an unknown state after ${record.step} steps`);
        this.#evaluated.add(record.step);
        this.#lastEvaluation = record;
        return;
      case "checkpoint":
        check(record.step <= this.committed, `checkpoint ${record.name} is ahead of the log`);
        return;
    }
  }

  #takeStep(step: CommittedStep): void {
    check(step.step === this.committed, `step ${step.step} comes after ${this.committed} committed steps`);
    if (step.step === this.first) this.begin(step.lineageBefore);
    check(
      this.lineageAt(step.step) === step.lineageBefore,
      `step ${step.step} begins with another lineage than the step before it ended with`,
    );
    this.#lineages.push(step.lineage);
    // The newest record always stays: a worker that missed its commit gets it again.
    if (step.step - 1 < this.#recordsFrom) this.#records.delete(step.step - 1);
    this.#records.set(step.step, step);
    this.#totals = addTallies(this.#totals, step.tally);
  }

  get committed(): Step {
    return this.first + Math.max(0, this.#lineages.length - 1);
  }

  lineageAt(step: Step): Digest | undefined {
    return this.#lineages.at(step - this.first);
  }

  recordOf(step: Step): CommittedStep | undefined {
    return this.#records.get(step);
  }

  isEvaluated(step: Step): boolean {
    return this.#evaluated.has(step);
  }

  /** What a restart loads: the checkpoint named with `store`, or the initial state. */
  get stored(): Position {
    return this.#stored ?? { step: this.first, lineage: present(this.#lineages.at(0), "a run has begun before a state is loaded") };
  }

  /** The checkpoint of this state is whole on disk: just written, or verified at the start. */
  store(step: Step): void {
    this.#stored = { step, lineage: present(this.lineageAt(step), "a checkpoint that the log knows") };
    for (; this.#recordsFrom < step; this.#recordsFrom++)
      if (this.#recordsFrom < this.committed - 1) this.#records.delete(this.#recordsFrom);
  }

  /** The last term on disk, 0 before the first. */
  get term(): number {
    return this.#term;
  }

  get lastGeneration(): GenerationRecord | undefined {
    return this.#lastGeneration;
  }

  get lastEvaluation(): { readonly step: Step; readonly tally: Tally } | undefined {
    return this.#lastEvaluation;
  }

  /** Sums over all committed steps, by language. */
  get totals(): Tally {
    return this.#totals;
  }
}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new BabelgradError("log-damaged", `the log contradicts itself: ${what}`, { path: "the log" });
}
