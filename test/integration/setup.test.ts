/** scripts/setup.mjs: what it does when, and that nothing is left half done. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Checkout, makeCheckout } from "./setup-checkout.ts";

function checkout(sharedCache?: string): Checkout {
  const made = makeCheckout(sharedCache);
  onTestFinished(() => rmSync(join(made.root, ".."), { recursive: true, force: true }));
  return made;
}

const runtimes = (cache: string) => readdirSync(join(cache, "babelgrad", "runtime")).filter((name) => name !== "lock");

test("a fresh checkout: packages, runtime and build; the second run does nothing; a changed source is only built again", async () => {
  const clone = checkout();
  const first = await clone.run(["--runtime", "cpu"]).ended;
  expect(first).toMatchObject({ status: 0 });
  expect(first.output).toMatch(/^packages +installed.*\nruntime +fetching.*\nruntime +TensorFlow 0\.0\.1 for the CPU.*\nbuild +compiled/);
  expect(clone.calls().map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual(["npm ci", "pip download"]);

  expect(await clone.run().ended).toEqual({ status: 0, output: "set-up    nothing to do\n" });
  expect(clone.calls()).toEqual([]);

  clone.write("src/greeting.ts", "export const farewell: string = 'bye';\n");
  expect((await clone.run().ended).output).toMatch(/^build +compiled \(\d+\.\d s\)\n$/);
  expect(clone.calls()).toEqual([]);
  expect(readFileSync(join(clone.root, "dist", "greeting.js"), "utf8")).toContain("farewell");

  rmSync(join(clone.root, "src", "greeting.ts"));
  clone.write("src/other.ts", "export const other = 1;\n");
  await clone.run().ended;
  expect(readdirSync(join(clone.root, "dist")).filter((name) => name.endsWith(".js"))).toEqual(["other.js"]);
});

test("the user's pip settings reach pip, hashes are demanded, and only what is needed is kept", async () => {
  const clone = checkout();
  await clone.run(["--runtime", "cpu"], { PIP_INDEX_URL: "https://mirror.example/simple" }).ended;
  const pip = clone.calls().find((call) => call.startsWith("pip"));
  expect(pip).toContain("index=https://mirror.example/simple");
  expect(pip).toContain("--require-hashes --only-binary=:all:");
  const [name = ""] = runtimes(clone.cache);
  const kept = readdirSync(join(clone.cache, "babelgrad", "runtime", name)).filter((entry) => !entry.startsWith("addon-"));
  expect(kept.sort()).toEqual(["clones", "tensorflow"]);
  expect(readdirSync(join(clone.cache, "babelgrad", "runtime", name, "tensorflow")).sort()).toEqual(["include", "libtensorflow_cc.so.2"]);
});

test("two at once in one checkout: each thing is done once", async () => {
  const clone = checkout();
  const both = [clone.run(["--runtime", "cpu"]), clone.run(["--runtime", "cpu"])];
  for (const { ended } of both) expect(await ended).toMatchObject({ status: 0 });
  expect(clone.calls().map((call) => call.slice(0, 3))).toEqual(["npm", "pip"]);
});

test("two checkouts at once with one cache: the runtime is fetched once, and both have it", async () => {
  const one = checkout();
  const other = checkout(one.cache);
  const both = [one.run(["--runtime", "cpu"]), other.run(["--runtime", "cpu"])];
  for (const { ended } of both) expect(await ended).toMatchObject({ status: 0 });
  expect([...one.calls(), ...other.calls()].filter((call) => call.startsWith("pip"))).toHaveLength(1);
  expect(await other.run().ended).toEqual({ status: 0, output: "set-up    nothing to do\n" });
});

test("killed while pip downloads: the next run goes on with the wheels that are there, and leaves nothing behind", async () => {
  const clone = checkout();
  const hanging = join(clone.root, "hanging");
  const killed = clone.run(["--runtime", "cpu"], { HANG: hanging });
  await vi.waitFor(() => expect(existsSync(hanging)).toBe(true), { timeout: 60_000 });
  killed.kill();
  await killed.ended;
  expect(runtimes(clone.cache)).toEqual([expect.stringMatching(/\.partial$/)]);
  clone.calls();

  expect(await clone.run(["--runtime", "cpu"]).ended).toMatchObject({ status: 0 });
  expect(clone.calls()).toEqual([expect.stringMatching(/^pip .* found=True$/)]);
  expect(runtimes(clone.cache)).toEqual([expect.stringMatching(/^cpu-2\.21\.0-\w{8}$/)]);
});

test("a new version of the runtime: the old one stays while another checkout uses it, then it goes", async () => {
  const one = checkout();
  const other = checkout(one.cache);
  await one.run(["--runtime", "cpu"]).ended;
  await other.run(["--runtime", "cpu"]).ended;
  const [old = ""] = runtimes(one.cache);

  one.write("scripts/setup/runtime-cpu.txt", "# newer\n");
  expect(await one.run().ended).toMatchObject({ status: 0 });
  expect(runtimes(one.cache)).toHaveLength(2);

  other.write("scripts/setup/runtime-cpu.txt", "# newer\n");
  expect(await other.run().ended).toMatchObject({ status: 0 });
  expect(runtimes(one.cache)).toHaveLength(1);
  expect(runtimes(one.cache)).not.toContain(old);
});

test("no python3: auto goes on with WebAssembly and says why once; cpu fails", async () => {
  const clone = checkout();
  clone.hide("python3");
  const auto = await clone.run().ended;
  expect(auto.status).toBe(0);
  expect(auto.output).toMatch(
    /^runtime +WebAssembly, slower than native TensorFlow: python3 is missing, .*install python3 and python3-pip/m,
  );
  expect(await clone.run().ended).toEqual({ status: 0, output: "set-up    nothing to do\n" });

  const cpu = await clone.run(["--runtime", "cpu"]).ended;
  expect(cpu.status).toBe(1);
  expect(cpu.output).toMatch(/^set-up failed: --runtime cpu: python3 is missing/m);
  expect(cpu.output).not.toContain("    at ");
});

test("no compiler: the reason names it and what to install", async () => {
  const clone = checkout();
  clone.hide("g++");
  expect((await clone.run().ended).output).toMatch(/WebAssembly, .*: the C\+\+ compiler g\+\+ is missing: install g\+\+/);
});

test("wasm is asked for: neither python3 nor a compiler is needed, and it is remembered", async () => {
  const clone = checkout();
  clone.hide("python3");
  clone.hide("g++");
  const asked = await clone.run(["--runtime", "wasm"]).ended;
  expect(asked.status).toBe(0);
  expect(asked.output).toMatch(/^runtime +WebAssembly, slower than native TensorFlow: --runtime wasm was asked for/m);
  expect(clone.calls()).toEqual([expect.stringMatching(/^npm/)]);
  expect((await clone.run().ended).output).toBe("set-up    nothing to do\n");
});

test("an unknown flag or runtime: exit 2 and nothing done", async () => {
  const clone = checkout();
  expect(await clone.run(["--runtime", "gpu"]).ended).toMatchObject({
    status: 2,
    output: "--runtime is one of auto, cpu, cuda, wasm, not gpu\n",
  });
  expect(await clone.run(["--fast"]).ended).toMatchObject({ status: 2 });
  expect(clone.calls()).toEqual([]);
});
