/**
 * docs/architecture.md's diagram of the rooms, made from the imports that dependency-cruiser finds in src/: floors from
 * the top down, and an arrow for each import that does not already follow from a longer way. Prints the page:
 *
 *     node scripts/room-diagram.mjs     `npm run generate` writes it; a unit test compares it with the page
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import floors from "./floors.cjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(root, "docs", "architecture.md");
const [begin, end] = ["<!-- rooms: npm run generate -->", "<!-- end of rooms -->"];

/** The page with a fresh diagram between its marks. */
export function architecturePage() {
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/architecture.md needs the lines ${begin} and ${end}`);
  return `${text.slice(0, from)}${begin}\n\n\`\`\`mermaid\n${diagram(floors, imports())}\n\`\`\`\n\n${text.slice(to)}`;
}

/** [{ from, to, isType }], one for each pair of rooms; isType: nothing but types is taken. */
function imports() {
  const args = ["src", "--config", ".dependency-cruiser.cjs", "--output-type", "json"];
  const program = join(root, "node_modules", ".bin", "depcruise");
  const { modules } = JSON.parse(execFileSync(program, args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 }));
  const edges = new Map();
  for (const { source, dependencies } of modules)
    for (const { resolved, dependencyTypes } of dependencies) {
      const [from, to] = [roomOf(source), roomOf(resolved)];
      if (from === undefined || to === undefined || from === to) continue;
      const isType = dependencyTypes.includes("type-only") && edges.get(`${from} ${to}`)?.isType !== false;
      edges.set(`${from} ${to}`, { from, to, isType });
    }
  return [...edges.values()];
}

function roomOf(path) {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Mermaid: a floor is a box, a dotted arrow takes types alone. */
export function diagram(rooms, edges) {
  const boxes = rooms.map((floor, height) => [`  subgraph floor${height} [" "]`, `    ${floor.join("; ")}`, "  end"].join("\n")).reverse();
  const arrows = edges
    .filter((edge) => !isImplied(edge, edges))
    .map(({ from, to, isType }) => `  ${from} ${isType ? "-.->" : "-->"} ${to}`)
    .sort();
  return ["flowchart TD", ...boxes, ...arrows].join("\n");
}

/** Whether `to` is reached on a longer way too, which the picture shows. */
function isImplied({ from, to }, edges) {
  const reached = new Set();
  const open = edges.filter((edge) => edge.from === from && edge.to !== to).map((edge) => edge.to);
  for (let room = open.pop(); room !== undefined; room = open.pop()) {
    if (reached.has(room)) continue;
    reached.add(room);
    open.push(...edges.filter((edge) => edge.from === room).map((edge) => edge.to));
  }
  return reached.has(to);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(architecturePage());
