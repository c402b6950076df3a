/** How a command shows a run, by flags, environment and terminal. */
import { expect, it } from "vitest";
import { hasColour, outputMode } from "../../../src/cli/output-mode.ts";

it.each([
  ["a terminal", {}, { TERM: "xterm" }, true, "live"],
  ["a pipe", {}, { TERM: "xterm" }, false, "lines"],
  ["a terminal that can do nothing", {}, { TERM: "dumb" }, true, "lines"],
  ["a CI system's terminal", {}, { CI: "true" }, true, "lines"],
  ["CI said to be off", {}, { CI: "false" }, true, "live"],
  ["--quiet on a terminal", { quiet: true }, {}, true, "quiet"],
  ["--json on a terminal", { json: true }, {}, true, "json"],
  ["--json --quiet", { json: true, quiet: true }, {}, false, "json-quiet"],
] as const)("%s", (_, flags, environment, isTerminal, mode) => expect(outputMode(flags, environment, isTerminal)).toBe(mode));

it.each([
  ["nothing said", {}, true],
  ["NO_COLOR", { NO_COLOR: "1" }, false],
  ["NO_COLOR empty", { NO_COLOR: "" }, true],
  ["FORCE_COLOR over NO_COLOR", { NO_COLOR: "1", FORCE_COLOR: "1" }, true],
  ["FORCE_COLOR=0", { FORCE_COLOR: "0" }, false],
] as const)("colour, %s: %s → %s", (_, environment, expected) => expect(hasColour(environment)).toBe(expected));
