/**
 * Plays the scenarios beside this file: prose, `> command`, and indented what must come of it, exactly.
 * UPDATE=1 npx vitest run test/scenario writes what comes now; read the difference before you keep it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Stage } from "./stage.ts";

const folder = new URL("./", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));

test.each(files)("%s", (name) => {
  const place = new URL(name, folder);
  const expected = readFileSync(place, "utf8");
  const actual = play(expected);
  if (process.env["UPDATE"] === "1") writeFileSync(place, actual);
  else expect(actual).toBe(expected);
});

function play(scenario: string): string {
  const stage = new Stage();
  const out: string[] = [];
  for (const line of scenario.split("\n")) {
    if (line.startsWith("  ")) continue;
    out.push(line);
    if (line.startsWith("> ")) out.push(...stage.perform(line.slice(2)).map((text) => `  ${text}`));
  }
  return out.join("\n");
}
