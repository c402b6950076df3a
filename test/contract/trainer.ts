/**
 * What every trainer must do, whatever computes. A suite to call from a test file with a way to open one: see
 * test/integration/engine/trainer.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LeafBatch } from "../../src/data/leaf.ts";
import type { State, Trainer } from "../../src/engine/trainer.ts";
import { addInto } from "../../src/step/arithmetic.ts";
import type { StepScalars } from "../../src/step/lineage.ts";

export interface TrainerUnderTest {
  readonly trainer: Trainer;
  /** Another content for each place; at least one target of it is masked. */
  batch(step: number, leaf: number): LeafBatch;
  scalars(step: number): StepScalars;
}

export function trainerContract(name: string, open: () => Promise<TrainerUnderTest>): void {
  describe(`trainer contract: ${name}`, () => {
    let under: TrainerUnderTest;
    let trainer: Trainer;
    let initial: State;
    beforeAll(async () => {
      under = await open();
      trainer = under.trainer;
      initial = await trainer.snapshot(0);
    });
    afterAll(() => trainer.close());

    /** One step of two leaves; the weights after it. */
    async function trainStep(step: number): Promise<Float32Array> {
      const [left, right] = await Promise.all([trainer.computeLeaf(under.batch(step, 0)), trainer.computeLeaf(under.batch(step, 1))]);
      const sum = await trainer.add(left.gradient, right.gradient);
      await trainer.apply(sum, under.scalars(step));
      for (const vector of [left.gradient, right.gradient, sum]) trainer.release(vector);
      return (await trainer.snapshot(step + 1)).weights;
    }

    test("a state that was loaded: a snapshot has the same bits", async () => {
      const state: State = { ...initial, weights: initial.weights.map((x, i) => (i % 3 === 0 ? -0 : x + 1)) };
      await trainer.load(state);
      const { weights, moment1, moment2 } = await trainer.snapshot(0);
      expect(bits(weights)).toEqual(bits(state.weights));
      expect(bits(moment1)).toEqual(bits(state.moment1));
      expect(bits(moment2)).toEqual(bits(state.moment2));
      await trainer.load(initial);
    });

    test("the same leaf twice: the same bits, and the state is not changed", async () => {
      const first = await trainer.computeLeaf(under.batch(0, 0));
      const second = await trainer.computeLeaf(under.batch(0, 0));
      expect(first.gradient.length).toBe(trainer.size);
      expect(first.gradient.some((x) => x !== 0)).toBe(true);
      expect(bits(second.gradient)).toEqual(bits(first.gradient));
      expect(bits(second.losses)).toEqual(bits(first.losses));
      expect(bits((await trainer.snapshot(0)).weights)).toEqual(bits(initial.weights));
      trainer.release(first.gradient);
      trainer.release(second.gradient);
    });

    test("another leaf or another step: another gradient", async () => {
      const places = [under.batch(0, 0), under.batch(0, 1), under.batch(1, 0)];
      const gradients = await Promise.all(places.map(async (batch) => (await trainer.computeLeaf(batch)).gradient));
      expect(new Set(gradients.map((gradient) => gradient.join())).size).toBe(3);
      for (const gradient of gradients) trainer.release(gradient);
    });

    test("a gradient: no value is subnormal, and it lies in shared memory", async () => {
      const { gradient } = await trainer.computeLeaf(under.batch(0, 0));
      expect(gradient.some((x) => x !== 0 && Math.abs(x) < 2 ** -126)).toBe(false);
      expect(gradient.buffer).toBeInstanceOf(SharedArrayBuffer);
      trainer.release(gradient);
    });

    test("two gradients added: the sum of step/arithmetic.ts, and the summands stay", async () => {
      const [left, right] = [trainer.allocate(), trainer.allocate()];
      left.forEach((_, i) => {
        left[i] = awkward[i % awkward.length] as number;
        right[i] = awkward[Math.floor(i / awkward.length) % awkward.length] as number;
      });
      const expected = new Float32Array(trainer.size);
      addInto(expected, left, right);
      const before = bits(left);
      const sum = await trainer.add(left, right);
      expect(bits(sum)).toEqual(bits(expected));
      expect(bits(left)).toEqual(before);
      for (const vector of [left, right, sum]) trainer.release(vector);
    });

    test("calls that nobody waited for: carried out in the order they were made", async () => {
      const one = trainer.allocate().fill(1);
      const weights = trainer.snapshot(0);
      const applied = trainer.apply(one, under.scalars(0));
      const after = trainer.snapshot(1);
      expect(bits((await weights).weights)).toEqual(bits(initial.weights));
      await applied;
      expect(bits((await after).weights)).not.toEqual(bits(initial.weights));
      expect(one.every((x) => x === 1)).toBe(true);
      trainer.release(one);
      await trainer.load(initial);
    });

    test("the state set back: the same steps give the same bits again", async () => {
      const first = [await trainStep(0), await trainStep(1)];
      await trainer.load(initial);
      const again = [await trainStep(0), await trainStep(1)];
      expect(again.map(bits)).toEqual(first.map(bits));
      expect(bits(first[1] as Float32Array)).not.toEqual(bits(first[0] as Float32Array));
      await trainer.load(initial);
    });

    test("clipping: half the scale is half the average", async () => {
      const average = trainer.allocate();
      average.forEach((_, i) => {
        average[i] = ((i % 17) - 8) / 16;
      });
      await trainer.apply(average, { ...under.scalars(0), clipScale: 0.5 });
      const clipped = (await trainer.snapshot(1)).weights;
      await trainer.load(initial);
      average.forEach((x, i) => {
        average[i] = x / 2;
      });
      await trainer.apply(average, { ...under.scalars(0), clipScale: 1 });
      expect(bits((await trainer.snapshot(1)).weights)).toEqual(bits(clipped));
      trainer.release(average);
      await trainer.load(initial);
    });

    test("an evaluation: the same twice, one loss a sequence, nothing for a sequence without targets", async () => {
      const batch = under.batch(0, 0);
      const losses = await trainer.evaluate(batch);
      expect(losses.length).toBe(batch.languages.length);
      expect(losses.every((loss) => loss > 0)).toBe(true);
      expect(bits(await trainer.evaluate(batch))).toEqual(bits(losses));
      const C = batch.tokens.length / losses.length;
      const targets = batch.targets.slice().fill(-1, 0, C);
      const masked = await trainer.evaluate({ ...batch, targets });
      expect(masked[0]).toBe(0);
      expect(masked[1]).toBe(losses[1]);
    });

    test("a text decoded token by token: the losses that evaluating it gives", async () => {
      const batch = under.batch(0, 0);
      const losses = await trainer.evaluate(batch);
      const C = batch.tokens.length / losses.length;
      for (const [sequence, loss] of losses.entries()) {
        const from = sequence * C;
        let sum = 0;
        for (let position = 0; position < C; position++) {
          const logits = await trainer.decode(batch.tokens[from + position] as number, position);
          const target = batch.targets[from + position] as number;
          if (target >= 0) sum += crossEntropy(logits, target);
        }
        expect(Math.abs(sum / loss - 1)).toBeLessThan(1e-5);
      }
    });

    test("a text that begins again at position 0: nothing of the one before is remembered", async () => {
      const { tokens } = under.batch(0, 0);
      const decode = async (text: Int32Array): Promise<number[][]> => {
        const logits: number[][] = [];
        for (const [position, token] of text.entries()) logits.push(bits(await trainer.decode(token, position)));
        return logits;
      };
      const first = await decode(tokens.slice(0, 4));
      await decode(tokens.slice(1, 6));
      expect(await decode(tokens.slice(0, 4))).toEqual(first);
      const other = tokens.slice(0, 4);
      other[0] = other[0] === 1 ? 2 : 1;
      expect((await decode(other)).at(-1)).not.toEqual(first.at(-1));
    });
  });
}

/** Nats of a target: log Σ exp(logits) − logit. */
function crossEntropy(logits: Float32Array, target: number): number {
  const highest = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - highest), 0);
  return Math.log(sum) + highest - (logits[target] as number);
}

/** Subnormals cannot reach an addition; sums of these reach every other corner. */
const awkward = [
  1,
  -1,
  0,
  -0,
  1.5e-38,
  -1.4e-38,
  2 ** -126,
  -(2 ** -126),
  3.4e38,
  -3.4e38,
  Infinity,
  -Infinity,
  NaN,
  1e-20,
  16777217,
  0.1,
].map(Math.fround);

/** Equal arrays of this are equal in every bit; all NaN count as one, as their bits are not defined. */
function bits(values: Float32Array): number[] {
  return Array.from(new Int32Array(values.slice().buffer), (word, i) => (Number.isNaN(values[i]) ? 0x7fc0_0000 : word));
}
