/** The command line in this process: dispatch, usage errors, exit statuses, and no stack trace where it is not a bug. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import { runCommandLine } from "../../../src/cli/main.ts";

async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const texts = { out: "", err: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    texts.out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    texts.err += String(text);
    return true;
  });
  const status = await runCommandLine(args);
  vi.restoreAllMocks();
  return { status, ...texts };
}

afterEach(() => vi.restoreAllMocks());

describe("babelgrad", () => {
  test("no command, or --help: every command with its summary, exit 0", async () => {
    for (const args of [[], ["--help"]]) {
      const { status, out } = await run(...args);
      expect(status).toBe(0);
      for (const { name, summary } of commands)
        expect(out).toMatch(new RegExp(`^  ${name} +${summary.replace(/[.*+?()|[\]]/g, "\\$&")}$`, "m"));
    }
  });

  test.each(commands.map(({ name }) => name))("%s --help: usage and an example that starts with it", async (name) => {
    const { status, out } = await run(...name.split(" "), "--help");
    expect(status).toBe(0);
    expect(out).toContain(`Usage: babelgrad ${name}`);
    expect(out).toMatch(new RegExp(`^ {2}\\$ babelgrad ${name}`, "m"));
  });

  test("--version: the package's", async () => {
    expect((await run("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("a mistyped command: the nearest, exit 2", async () => {
    const { status, err } = await run("docter");
    expect(status).toBe(2);
    expect(err).toMatch(/^usage: there is no command docter; did you mean doctor/);
  });

  test("an unknown flag: the nearest flag; an option without --set: how to set it; exit 2", async () => {
    expect(await run("doctor", "--jsn")).toMatchObject({
      status: 2,
      err: expect.stringContaining("option-unknown: babelgrad doctor has no flag --jsn\n  Did you mean --json?"),
    });
    expect((await run("doctor", "--leaves", "3")).err).toContain("Did you mean --set step.leaves=…?");
  });

  test("a wrong value with --json: the last line says what failed, and standard error too, without a stack", async () => {
    const { status, out, err } = await run("doctor", "--json", "--set", "steps=x");
    expect(status).toBe(2);
    expect(JSON.parse(out.trim().split("\n").at(-1) ?? "")).toMatchObject({ event: "failed", code: "option-invalid", exit: 2 });
    expect(err).toContain('option-invalid: --set: steps must be an integer from 0 to 1000000000, not "x"');
    expect(err).not.toContain("    at ");
  });

  test("a configuration file that is not there: names it, exit 2", async () => {
    expect(await run("doctor", "nowhere.yaml")).toMatchObject({ status: 2, err: expect.stringContaining("config-missing: nowhere.yaml") });
  });
});
