/**
 * Faults on purpose: a worker told through BABELGRAD_FAULTS kills itself with SIGKILL at a named point of a step, so
 * that tests and measurements hit compute, exchange and prepared every time and not by luck.
 */
import type { Step, WorkerId } from "../../base/ids.ts";
import type { Frame } from "../../wire/messages.ts";
import type { MemberEffect } from "../member-events.ts";

type Effect = MemberEffect<Float32Array, Float32Array>;

export interface Fault {
  readonly step: Step;
  /**
   * compute: as the step's second leaf begins. exchange: before the first partial leaves. averages: the others have this
   * member's averages and can prepare, it never takes theirs. prepared: after its report.
   */
  readonly at: "compute" | "exchange" | "averages" | "prepared";
}

/** How long the others have to prepare before a member dies at `averages`. */
const averagesDelayMs = 500;

/** BABELGRAD_FAULTS is JSON, for example `{"worker":"w2","faults":[{"step":7,"at":"prepared"}]}`. */
export function faultsOf(environment: NodeJS.ProcessEnv, self: WorkerId): readonly Fault[] {
  const text = environment["BABELGRAD_FAULTS"];
  if (text === undefined) return [];
  const { worker, faults } = JSON.parse(text) as { readonly worker: string; readonly faults: readonly Fault[] }; // proof: a test wrote it
  return worker === self ? faults : [];
}

export class FaultInjector {
  readonly #faults: readonly Fault[];
  readonly #die: () => void;
  readonly #leavesBegun = new Map<Step, number>();

  constructor(faults: readonly Fault[], die: () => void = () => process.kill(process.pid, "SIGKILL")) {
    this.#faults = faults;
    this.#die = die;
  }

  /** The member must not see this frame. */
  hides(frame: Frame<Float32Array>): boolean {
    return frame.kind === "average" && this.#has(frame.step, "averages");
  }

  before(effect: Effect): void {
    if (this.#faults.length === 0) return;
    if (effect.kind === "computeLeaf") {
      const begun = (this.#leavesBegun.get(effect.step) ?? 0) + 1;
      this.#leavesBegun.set(effect.step, begun);
      if (begun === 2 && this.#has(effect.step, "compute")) this.#die();
    }
    if (effect.kind === "sendFrame" && effect.frame.kind === "partial" && this.#has(effect.frame.step, "exchange")) this.#die();
  }

  after(effect: Effect): void {
    if (effect.kind === "send" && effect.message.kind === "prepared" && this.#has(effect.message.step, "prepared"))
      setTimeout(this.#die, 5);
    if (effect.kind === "sendFrame" && effect.frame.kind === "average" && this.#has(effect.frame.step, "averages"))
      setTimeout(this.#die, averagesDelayMs);
  }

  #has(step: Step, at: Fault["at"]): boolean {
    return this.#faults.some((fault) => fault.step === step && fault.at === at);
  }
}
