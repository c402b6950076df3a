/**
 * What stands for numbers in the simulator: the expression that would have produced them. Equal expressions have equal
 * bits in any arithmetic; unequal ones are taken to differ. Equal expressions are the same object.
 */
import { createHash } from "node:crypto";
import { digestOf, type Sha256 } from "../../src/base/digest.ts";
import type { Digest, Leaf, Step } from "../../src/base/ids.ts";
import type { StepScalars } from "../../src/step/lineage.ts";

export const sha256: Sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex") as Digest; // 64 lower-case hexadecimal digits
};

/** A state: the initial one, or one average applied to another state. `steps` is how many were applied or skipped. */
export interface StateExpression {
  readonly kind: "state";
  readonly id: number;
  readonly text: string;
  readonly digest: Digest;
}

/** A gradient: that of a leaf under a state, or the sum of two. */
export type GradientExpression =
  | {
      readonly kind: "leaf";
      readonly id: number;
      readonly step: Step;
      readonly leaf: Leaf;
      readonly state: StateExpression;
      readonly digest: Digest;
    }
  | {
      readonly kind: "sum";
      readonly id: number;
      readonly left: GradientExpression;
      readonly right: GradientExpression;
      readonly digest: Digest;
    };

/** One block of a gradient divided by the targets of the step. */
export interface AverageExpression {
  readonly kind: "average";
  readonly id: number;
  readonly block: number;
  readonly sum: GradientExpression;
  readonly targets: number;
  readonly digest: Digest;
}

export class Algebra {
  readonly #known = new Map<string, StateExpression | GradientExpression | AverageExpression>();
  readonly numericClass: string;
  readonly initial: StateExpression;

  constructor(numericClass: string) {
    this.numericClass = numericClass;
    this.initial = { kind: "state", id: 0, text: "initial", digest: digestOf(sha256, ["initial", numericClass]) };
  }

  leaf(step: Step, leaf: Leaf, state: StateExpression): GradientExpression {
    return this.#intern(`leaf ${step} ${leaf} ${state.id}`, (id) => ({
      kind: "leaf",
      id,
      step,
      leaf,
      state,
      digest: digestOf(sha256, ["leaf", this.numericClass, step, leaf, state.digest]),
    }));
  }

  sum(left: GradientExpression, right: GradientExpression): GradientExpression {
    return this.#intern(`sum ${left.id} ${right.id}`, (id) => ({
      kind: "sum",
      id,
      left,
      right,
      digest: digestOf(sha256, ["sum", left.digest, right.digest]),
    }));
  }

  average(block: number, sum: GradientExpression, targets: number): AverageExpression {
    return this.#intern(`average ${block} ${sum.id} ${targets}`, (id) => ({
      kind: "average",
      id,
      block,
      sum,
      targets,
      digest: digestOf(sha256, ["average", block, sum.digest, targets]),
    }));
  }

  applied(before: StateExpression, averages: readonly AverageExpression[], scalars: StepScalars): StateExpression {
    const { rate, beta1Power, beta2Power, clipScale } = scalars;
    const numbers = [rate, beta1Power, beta2Power, clipScale];
    return this.#intern(`state ${before.id} ${averages.map((a) => a.id).join(",")} ${numbers.join(",")}`, (id) => ({
      kind: "state",
      id,
      text: `state #${id} after ${before.text === "initial" ? "the initial one" : `#${before.id}`}`,
      digest: digestOf(sha256, ["state", before.digest, ...averages.map((a) => a.digest), ...numbers]),
    }));
  }

  #intern<T extends StateExpression | GradientExpression | AverageExpression>(key: string, make: (id: number) => T): T {
    const known = this.#known.get(key);
    if (known !== undefined) return known as T; // the key begins with the kind
    const made = make(this.#known.size + 1);
    this.#known.set(key, made);
    return made;
  }
}

/** The expression for a person: (0 1) is the sum of leaves 0 and 1. */
export function describeGradient(gradient: GradientExpression): string {
  return gradient.kind === "leaf"
    ? `${gradient.leaf}@${gradient.step}#${gradient.state.id}`
    : `(${describeGradient(gradient.left)} ${describeGradient(gradient.right)})`;
}
