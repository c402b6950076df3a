/** What outlives the coordinator: the log, the newest checkpoint, the term, and who took part last. */
import { present } from "../../src/base/assert.ts";
import type { Digest, Step, WorkerId } from "../../src/base/ids.ts";
import type { CommittedStep } from "../../src/coordinator/cluster-events.ts";
import type { History } from "../../src/coordinator/history.ts";
import type { Position } from "../../src/wire/messages.ts";
import type { StateExpression } from "./expression.ts";

export class Disk {
  readonly log: CommittedStep[] = [];
  readonly evaluated = new Set<Step>();
  checkpoint: { readonly position: Position; readonly state: StateExpression };
  term = 0;
  lastMembers: readonly WorkerId[] = [];

  constructor(position: Position, state: StateExpression) {
    this.checkpoint = { position, state };
  }
}

/** One coordinator's index of the log: read when it starts, then grown by what it appends. */
export class DiskHistory implements History {
  readonly #disk: Disk;
  readonly #records: CommittedStep[];
  readonly #firstLineage: Digest;

  constructor(disk: Disk, firstLineage: Digest) {
    this.#disk = disk;
    this.#records = [...disk.log];
    this.#firstLineage = firstLineage;
  }

  get committed(): Step {
    return this.#records.length;
  }

  get stored(): Position {
    return this.#disk.checkpoint.position;
  }

  append(record: CommittedStep): void {
    this.#records.push(record);
  }

  lineageAt(step: Step): Digest | undefined {
    if (step < 0 || step > this.committed) return undefined;
    return step === 0 ? this.#firstLineage : present(this.#records[step - 1], "a committed step has a record").lineage;
  }

  recordOf(step: Step): CommittedStep | undefined {
    return this.#records[step];
  }

  isEvaluated(step: Step): boolean {
    return this.#disk.evaluated.has(step);
  }
}
