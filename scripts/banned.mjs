#!/usr/bin/env node
/** Calls that pure rooms must not make although the language offers them, each with its replacement. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const banned = [
  { call: /\bDate\.now\(|\bnew Date\(|\bperformance\.now\(/, instead: "take `now: Millis` from the event (base/machine.ts)" },
  { call: /\bMath\.random\(/, instead: "draw from a named stream of the seed (base/random.ts)" },
  {
    call: /\bMath\.(pow|exp|expm1|log|log10|log1p|cos|sin|tan|tanh|cbrt|hypot)\(|(?<!\b2 )\*\* (?!\d)/,
    instead: "its last bit differs between engines: base/approximate.ts",
    results: true,
  },
  {
    call: /\.localeCompare\(|\btoLocale\w*\(\)/,
    instead: "it depends on the machine: compare with < and >, or name the locale",
    everywhere: true,
  },
];

const isPure = (path) => !/\/(io|tfjs)\/|^src\/cli\/|\/main\.ts$/.test(path);
/** Rooms whose numbers become weights. */
const makesResults = (path) => /^src\/(step|model|engine|base)\//.test(path) && path !== "src/base/approximate.ts";

let found = 0;
for (const name of readdirSync("src", { recursive: true })) {
  const path = join("src", name);
  if (!path.endsWith(".ts")) continue;
  for (const [index, line] of readFileSync(path, "utf8").split("\n").entries()) {
    const code = line.replace(/\/\/.*|^\s*\/?\*.*/, "");
    for (const { call, instead, results, everywhere } of banned) {
      const applies = everywhere || (results ? makesResults(path) && isPure(path) : isPure(path));
      const match = applies ? call.exec(code) : null;
      if (match === null) continue;
      console.log(`${path}:${index + 1}: ${match[0].trim()} → ${instead}`);
      found += 1;
    }
  }
}
process.exitCode = found > 0 ? 1 : 0;
