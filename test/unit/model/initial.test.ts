import { expect, test } from "vitest";
import { initialWeights } from "../../../src/model/initial.ts";
import { modelLayout } from "../../../src/model/parameters.ts";
import { configWith } from "../../integration/engine/fixture.ts";

const config = configWith({ "model.layers": 2, "model.heads": 2, "model.width": 32, "model.context": 16 });

for (const kind of ["transformer", "lstm"] as const) {
  const layout = modelLayout({ ...config, "model.kind": kind }, 101);

  test(`the layout of a ${kind}: no gap, no overlap, matrices first`, () => {
    let end = 0;
    for (const { offset, size, shape, decayed } of layout.parameters) {
      expect(offset).toBe(end);
      expect(size).toBe(shape.reduce((a, b) => a * b));
      expect(decayed).toBe(shape.length > 1);
      expect(decayed).toBe(offset < layout.decayedSize);
      end += size;
    }
    expect(layout.size).toBe(end);
    expect(new Set(layout.parameters.map(({ name }) => name)).size).toBe(layout.parameters.length);
  });

  test(`the initial weights of a ${kind}: each parameter begins as its layout says`, () => {
    const weights = initialWeights(layout, 7);
    for (const { name, offset, size, beginning } of layout.parameters) {
      const values = weights.subarray(offset, offset + size);
      if ("value" in beginning) expect(values.every((x) => x === beginning.value)).toBe(true);
      else if ("values" in beginning) expect([...values]).toEqual(beginning.values);
      else {
        const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / size);
        const mean = values.reduce((sum, x) => sum + x, 0) / size;
        expect(Math.abs(deviation / beginning.deviation - 1), name).toBeLessThan(5 / Math.sqrt(2 * size));
        expect(Math.abs(mean / beginning.deviation), name).toBeLessThan(5 / Math.sqrt(size));
      }
    }
  });

  test(`the seed of a ${kind}: decides the weights`, () => {
    expect(initialWeights(layout, 7)).toEqual(initialWeights(layout, 7));
    expect(initialWeights(layout, 8)).not.toEqual(initialWeights(layout, 7));
  });
}

test("nanoGPT's sizes: 0.80 million parameters without bias, tied", () => {
  const small = configWith({ "model.bias": false });
  expect(modelLayout(small, 65).size).toBe(65 * 128 + 64 * 128 + 4 * (12 * 128 * 128 + 2 * 128) + 128);
});
