/** Settings to configurations: layers, checks, messages with their place. */
import { describe, expect, test } from "vitest";
import { BabelgradError } from "../../../src/base/errors.ts";
import { fixHorizon } from "../../../src/config/horizon.ts";
import { parseYaml } from "../../../src/config/io/yaml-file.ts";
import { nearest } from "../../../src/config/nearest.ts";
import { absolutePath } from "../../../src/config/path.ts";
import { renderConfig } from "../../../src/config/render.ts";
import { optionPaths, resolveConfig } from "../../../src/config/resolve.ts";
import { differingResultOptions, resultFields } from "../../../src/config/result-options.ts";
import { settingFromFlag, settingsFromEnvironment, variableOf } from "../../../src/config/text-setting.ts";

const fromYaml = (text: string) => resolveConfig(parseYaml(text, "run.yaml", "/runs"));
const fromFlags = (...flags: string[]) => resolveConfig(flags.map((flag) => settingFromFlag(flag, "/here")));

function errorOf(action: () => unknown): BabelgradError {
  try {
    action();
  } catch (error) {
    if (error instanceof BabelgradError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("values", () => {
  test("nested and dotted keys: the same configuration", () => {
    expect(fromYaml("step:\n  leaves: 4\n  sequences: 2\n")).toEqual(fromYaml("step.leaves: 4\nstep.sequences: 2\n"));
    expect(fromYaml("step:\n  leaves: 4\n")["step.leaves"]).toBe(4);
  });

  test("an empty file: the defaults", () => {
    expect(fromYaml("# nothing\n")).toEqual(resolveConfig([]));
  });

  test("file, environment and flag give one option: the flag wins over the environment, and that over the file", () => {
    const file = parseYaml("steps: 1\nseed: 1\nmodel.layers: 1\n", "run.yaml", "/runs");
    const environment = settingsFromEnvironment(
      { BABELGRAD_SEED: "2", BABELGRAD_MODEL_LAYERS: "2", BABELGRAD_FAULTS: "[]", HOME: "/root" },
      "/here",
    );
    const config = resolveConfig([...file, ...environment, settingFromFlag("model.layers=3", "/here")]);
    expect([config.steps, config.seed, config["model.layers"]]).toEqual([1, 2, 3]);
  });

  test("every option has one variable of its own", () => {
    expect(variableOf("optimizer.rateFloor")).toBe("BABELGRAD_OPTIMIZER_RATE_FLOOR");
    expect(new Set(optionPaths.map(variableOf)).size).toBe(optionPaths.length);
  });

  test("relative paths: from the file's folder, or from the working directory for a flag", () => {
    expect(fromYaml("data:\n  dir: ../text\n  inputs: [a.txt, /b.txt, 'udhr:en']\n")).toMatchObject({
      "data.dir": "/text",
      "data.inputs": ["/runs/a.txt", "/b.txt", "udhr:en"],
    });
    expect(fromFlags("data.dir=text", "data.inputs=a,b")).toMatchObject({
      "data.dir": "/here/text",
      "data.inputs": ["/here/a", "/here/b"],
    });
  });

  test.each([
    ["/a/b", "./c", "/a/b/c"],
    ["/a", "../../c/", "/c"],
    ["/a", "", ""],
    ["/a", "/x//y", "/x/y"],
  ])("absolutePath(%s, %s): %s", (folder, path, absolute) => {
    expect(absolutePath(folder, path)).toBe(absolute);
  });
});

describe("what is refused", () => {
  test("an unknown key: place, line, caret and the nearest key", () => {
    const error = errorOf(() => fromYaml("steps: 5\noptimizer:\n  rat: 0.1\n"));
    expect(error).toMatchObject({ code: "option-unknown", exit: 2 });
    expect(error.message).toBe("run.yaml:3:3: there is no option optimizer.rat\n      rat: 0.1\n      ^");
    expect(error.todo).toContain("Did you mean optimizer.rate?");
  });

  test("an unknown group: pointed at as a key", () => {
    expect(errorOf(() => fromYaml("modle:\n  layers: 2\n")).message).toContain("run.yaml:1:1: there is no option modle");
  });

  test("broken YAML: place and caret", () => {
    const error = errorOf(() => fromYaml("steps: [1\nseed: 2\n"));
    expect(error.code).toBe("config-syntax");
    expect(error.message).toMatch(/^run\.yaml:\d+:\d+: .*\n {4}.*\n {4} *\^$/s);
  });

  test("a group without options: says which there are", () => {
    expect(errorOf(() => fromYaml("step: 3\n")).message).toContain("step is a group of options (leaves, sequences), not one");
  });

  test("a key given twice, nested and dotted: names the first place", () => {
    expect(errorOf(() => fromYaml("step:\n  leaves: 2\nstep.leaves: 4\n")).message).toContain("given twice, first at run.yaml:2:3");
  });

  test.each([
    ["steps: -1", "steps must be an integer from 0 to 1000000000, not -1"],
    ["steps: 1.5", "steps must be an integer"],
    ["steps: many", 'steps must be an integer from 0 to 1000000000, not "many"'],
    ["steps:", "steps must be an integer from 0 to 1000000000, not null"],
    ["step.leaves: 12", "step.leaves must be a power of two, not 12"],
    ["model.kind: gpt", 'model.kind must be one of transformer, lstm, not "gpt"'],
    ["model.bias: 1", "model.bias must be true or false, not 1"],
    ["data.inputs: a.txt", 'data.inputs must be a list of texts, not "a.txt"'],
    ["data.language: 3", "data.language must be text"],
  ])("%s: %s", (yaml, message) => {
    const error = errorOf(() => fromYaml(yaml));
    expect(error.code).toBe("option-invalid");
    expect(error.message).toContain(message);
  });

  test.each([
    [["model.width=100", "model.heads=3"], "model.width 100 and model.heads 3"],
    [["optimizer.rate=0.1", "optimizer.rateFloor=0.2"], "optimizer.rateFloor 0.2 and optimizer.rate 0.1"],
    [["optimizer.warmup=11", "optimizer.horizon=10"], "optimizer.warmup 11 and optimizer.horizon 10"],
    [["net.host=0.0.0.0"], 'net.host "0.0.0.0" and net.insecure false'],
    [["net.timeoutMs=100", "net.heartbeatMs=60"], "net.timeoutMs 100 and net.heartbeatMs 60"],
  ])("%j: an impossible combination, both named", (flags, message) => {
    const error = errorOf(() => fromFlags(...flags));
    expect(error.code).toBe("options-conflict");
    expect(error.message).toContain(`${message} cannot go together: `);
  });

  test("an LSTM has no heads: any width goes", () => {
    expect(fromFlags("model.kind=lstm", "model.width=101")["model.width"]).toBe(101);
  });

  test("a flag without =, and a variable of no option", () => {
    expect(errorOf(() => fromFlags("steps")).code).toBe("usage");
    const error = errorOf(() => settingsFromEnvironment({ BABELGRAD_STEP_LEAFS: "2" }, "/here"));
    expect([error.code, error.facts["nearest"]]).toEqual(["option-unknown", "BABELGRAD_STEP_LEAVES"]);
  });

  test.each([
    ["leaves", ["steps", "step.leaves"], "step.leaves"],
    ["setps", ["seed", "steps"], "steps"],
  ])("nearest to %s", (name, candidates, best) => {
    expect(nearest(name, candidates)).toBe(best);
  });
});

describe("runs", () => {
  test("a rendered configuration, read again: the same", () => {
    const config = fromFlags("data.inputs=a b,c", "data.hint=say: # it", "optimizer.epsilon=1e-9", "steps=7", "fork=true");
    expect(resolveConfig(parseYaml(renderConfig(config), "config.yaml", "/elsewhere"))).toEqual(config);
  });

  test("budget and horizon default from the run's steps once: more steps is not another run", () => {
    const run = fixHorizon(fromFlags("steps=10", "step.leaves=2", "step.sequences=3"));
    expect([run["mixture.budget"], run["optimizer.horizon"]]).toEqual([60, 10]);
    const longer = fixHorizon(fromFlags("steps=20", "step.leaves=2", "step.sequences=3"), run);
    expect(differingResultOptions(longer, run)).toEqual([]);
    expect(resultFields(longer)).toEqual(resultFields(run));
  });

  test("other result options: each named with both values; operation options may differ", () => {
    const run = fromFlags("seed=1");
    expect(differingResultOptions(fromFlags("seed=2", "workers.count=5"), run)).toEqual([{ option: "seed", was: 1, is: 2 }]);
  });
});
