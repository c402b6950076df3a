import { Command } from "commander";
import { expect, test } from "vitest";
import { define } from "../../../src/cli/bench.ts";

function bench(...args: string[]): Promise<unknown> {
  const command = new Command("bench step").exitOverride();
  define(command);
  return command.parseAsync(args, { from: "user" });
}

test("a case that does not exist: a usage error that names it", async () => {
  await expect(bench("--case", "gpt1,gpt99")).rejects.toMatchObject({ code: "usage", message: expect.stringContaining("gpt99") });
});

test("rounds that are no count: a usage error", async () => {
  await expect(bench("--rounds", "0")).rejects.toMatchObject({ code: "usage" });
});

test("a peer that does not exist: a usage error that names it", async () => {
  await expect(bench("--against", "jax")).rejects.toMatchObject({ code: "usage", message: expect.stringContaining("jax") });
});

test("a Python that is not there: an error that says how to get one", async () => {
  await expect(bench("--against", "torch", "--python", "/nowhere/python")).rejects.toMatchObject({ code: "no-torch" });
});
