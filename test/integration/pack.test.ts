/**
 * The published package: what `npm pack` puts into it, and that npx runs it in an empty folder, where it brings its
 * dependencies and the TensorFlow runtime by itself. npm and its registry are the real ones, as in set-up.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const base = mkdtempSync(join(tmpdir(), "babelgrad-pack-"));
const project = join(base, "empty");
afterAll(() => rmSync(base, { recursive: true, force: true }));

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}
let packed: Packed;

beforeAll(() => {
  mkdirSync(project);
  const { stdout, stderr } = spawnSync("npm", ["pack", "--json", "--pack-destination", project], { cwd: root, encoding: "utf8" });
  const [first] = JSON.parse(stdout) as readonly Packed[]; // proof: npm pack --json
  if (first === undefined) throw new Error(stderr);
  packed = first;
  process.stdout.write(`${packed.filename}: ${packed.files.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked\n`);
});

/** As a user types it, with a cache of npx of its own: nothing of an earlier try is there. */
function npx(...args: readonly string[]): { readonly status: number | null; readonly out: string; readonly err: string } {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|BABELGRAD_|CI$)/.test(name));
  const env = { ...Object.fromEntries(inherited), NO_COLOR: "1", npm_config_cache: cache, npm_config_prefer_offline: "true" };
  const { status, stdout, stderr } = spawnSync("npx", ["--yes", `./${packed.filename}`, ...args], { cwd: project, encoding: "utf8", env });
  return { status, out: stdout, err: stderr };
}
const cache = join(base, "npm-cache");

it("the package has what runs and is read, and nothing that only developers need", () => {
  const paths = packed.files.map(({ path }) => path);
  const top = new Set(paths.map((path) => path.split("/")[0]));
  expect(top).toEqual(new Set(["LICENSE", "README.md", "bin", "dist", "docs", "examples", "package.json", "proto", "scripts"]));
  for (const path of ["bin/babelgrad", "dist/cli/main.js", "proto/control.proto", "examples/udhr.yaml", "scripts/setup.mjs"])
    expect(paths).toContain(path);
  expect(paths.filter((path) => /(^|\/)(test|\.stamp|\.tsbuildinfo)|\.(ts|map)$|check\.mjs|banned/.test(path))).toEqual([]);
  expect(packed.unpackedSize).toBeLessThan(1_500_000);
});

it("the addon's package that set-up brings is the one that clones have", () => {
  const pinned = JSON.parse(readFileSync(join(root, "scripts", "setup", "tfjs-node-gpu.json"), "utf8")) as object;
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Record<string, object> };
  expect(lock.packages["node_modules/@tensorflow/tfjs-node-gpu"]).toMatchObject(pinned);
});

it("npx in an empty folder: help and doctor run; demo says that it sets up, and trains; examples are found", () => {
  const help = npx("--help");
  expect(help).toMatchObject({ status: 0, out: expect.stringContaining("usage: babelgrad COMMAND") });

  const doctor = npx("doctor");
  expect(doctor).toMatchObject({ status: 0, out: expect.stringMatching(/^ok +node/m) });
  expect(readdirSync(project)).toEqual([packed.filename]);

  const demo = npx("demo", "--set", "steps=5", "--set", "optimizer.warmup=2", "--json");
  expect(demo.err).toMatch(/^babelgrad sets up its runtime here/m);
  expect(demo.err).toMatch(/^runtime +TensorFlow/m);
  expect(demo.status).toBe(0);
  const events = demo.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.find(({ event }) => event === "finished")).toMatchObject({ step: 5 });
  expect(existsSync(join(project, "runs", "demo", "final"))).toBe(true);

  const sets = ["steps=2", "optimizer.warmup=1"].flatMap((setting) => ["--set", setting]);
  const train = npx("train", "examples/udhr-lstm.yaml", "--out", "lstm", "--workers", "1", ...sets);
  expect(train.status).toBe(0);
  expect(existsSync(join(project, "lstm", "final"))).toBe(true);
}, 300_000);
