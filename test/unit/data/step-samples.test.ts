import { expect, test } from "vitest";
import { BabelgradError } from "../../../src/base/errors.ts";
import { checkEpochs } from "../../../src/data/step-samples.ts";
import { numberedData, sampleConfig } from "./numbered-data.ts";

function thrownBy(run: () => void): BabelgradError {
  try {
    run();
  } catch (error) {
    if (error instanceof BabelgradError) return error;
  }
  throw new Error("nothing from the table was thrown");
}

test("steps within the epoch caps: accepted", () => {
  const { manifest } = numberedData([
    [4001, 2],
    [4001, 2],
  ]);
  checkEpochs({ ...sampleConfig, steps: 166, "mixture.epochs": 1 }, manifest);
});

test("steps beyond the epoch caps: refused, naming steps, epochs and what would do", () => {
  const { manifest } = numberedData([
    [4001, 2],
    [4001, 2],
  ]);
  const config = { ...sampleConfig, steps: 1000, "mixture.epochs": 2, "mixture.budget": 12_000 };
  const error = thrownBy(() => checkEpochs(config, manifest));
  expect(error.code).toBe("epochs-exceeded");
  expect(error.message).toContain("steps: 1000");
  expect(error.message).toContain("mixture.epochs: 2");
  checkEpochs({ ...config, steps: Number(error.facts.steps) }, manifest);
  checkEpochs({ ...config, "mixture.epochs": Number(error.facts.epochs) }, manifest);
  thrownBy(() => checkEpochs({ ...config, steps: Number(error.facts.steps) + 1 }, manifest));
});

test("unimax with a tiny language: the cap holds it and the run is accepted", () => {
  const { manifest } = numberedData([
    [41, 2],
    [40_001, 2],
  ]);
  checkEpochs({ ...sampleConfig, steps: 500, "mixture.epochs": 2 }, manifest);
});
