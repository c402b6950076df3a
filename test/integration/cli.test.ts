/** bin/babelgrad as a process: before set-up, and doctor on this machine. */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const project = fileURLToPath(new URL("../../", import.meta.url));

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function babelgrad(...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [join(project, "bin", "babelgrad"), ...args]);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out, err })));
}

test("before set-up: the launcher names the command that sets up, exit 1", () => {
  const folder = mkdtempSync(join(tmpdir(), "babelgrad-launcher-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "bin"));
  cpSync(join(project, "bin", "babelgrad"), join(folder, "bin", "babelgrad"));
  cpSync(join(project, "package.json"), join(folder, "package.json"));
  const { status, stderr } = spawnSync(process.execPath, [join(folder, "bin", "babelgrad"), "train"], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toBe(`babelgrad is not set up yet. Run:\n  node ${join(folder, "scripts", "setup.mjs")}\n`);
});

test("doctor --json: a line for each check, then ready or what is missing, and the exit status says the same", async () => {
  const { status, out } = await babelgrad("doctor", "--json");
  const events = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const checked = events.filter(({ event }) => event === "checked");
  expect(checked.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["node", "tensorflow", "cpu", "gpu", "threads", "memory", "disk", "port"]),
  );
  const isReady = checked.every((check) => check["status"] !== "missing");
  expect(events.at(-1)).toMatchObject(isReady ? { event: "finished", ready: true } : { event: "failed", code: "not-ready" });
  expect(status).toBe(isReady ? 0 : 1);
});

test("doctor with a port that is taken: names it and what to do, exit 1, no stack trace", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const { status, out, err } = await babelgrad("doctor", "--set", `net.port=${port}`);
  expect(status).toBe(1);
  expect(out).toMatch(new RegExp(`^missing +port +127\\.0\\.0\\.1:${port}: EADDRINUSE\\n +→ choose another`, "m"));
  expect(err).toMatch(/^not-ready: missing for training: .*port/);
  expect(err).not.toContain("    at ");
});
