/** `coordinator` and `worker` as on several machines: on addresses of this one, and between network namespaces. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { BabelgradProcess, makeRunFolder, runFolder, type Seen } from "./babelgrad-process.ts";

const token = "5".repeat(48);
const started: BabelgradProcess[] = [];
afterEach(async () => {
  for (const run of started.splice(0)) await run.kill();
});

function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}, program?: readonly string[]): BabelgradProcess {
  const one = new BabelgradProcess(args, environment, program);
  started.push(one);
  return one;
}

function sets(...settings: string[]): readonly string[] {
  return settings.flatMap((setting) => ["--set", setting]);
}

/** A run directory whose token is known before the coordinator starts, as when it was copied to other machines. */
function prepared(): { readonly folder: string; readonly config: string; readonly tokenFile: string; readonly out: string } {
  const { folder, config } = runFolder();
  const out = `${folder}/run`;
  mkdirSync(out);
  const tokenFile = `${out}/token`;
  writeFileSync(tokenFile, `${token}\n`);
  chmodSync(tokenFile, 0o600);
  return { folder, config, tokenFile, out };
}

/** A port that nobody had a moment ago. */
async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function result({ event, step, tokens, weightsSha256, validationLoss }: Seen) {
  return { event, step, tokens, weightsSha256, validationLoss };
}

let alone: ReturnType<typeof result>;
beforeAll(async () => {
  const { folder, config, remove } = makeRunFolder();
  alone = result(await new BabelgradProcess(["train", config, "--out", `${folder}/run`, "--workers", "1"]).summary());
  remove();
  expect(alone).toMatchObject({ event: "finished", step: 30 });
});

describe("workers on other addresses than the coordinator", () => {
  it("started before it: join when it comes, fetch the data by hash, reach each other, and end with it", async () => {
    const { folder, config, tokenFile, out } = prepared();
    const host = "127.0.0.2";
    const port = await freePort(host);
    const worker = (name: string, address: string) =>
      start(["worker", "--name", name, "--join", `ws://${host}:${port}`, "--token-file", tokenFile, "--advertise", address], {
        XDG_CACHE_HOME: `${folder}/cache-${name}`,
      });
    const [a, b] = [worker("a", "127.0.0.3"), worker("b", "127.0.0.4")];
    await a.until(({ event, what }) => event === "noted" && String(what).includes("ECONNREFUSED"));
    const run = start(["coordinator", config, "--out", out, ...sets(`net.host=${host}`, `net.port=${port}`, "workers.min=2")]);
    expect(result(await run.summary())).toEqual(alone);
    expect(run.events.findLast(({ event }) => event === "generationBegan")?.["members"]).toEqual(expect.arrayContaining(["a", "b"]));
    for (const one of [a, b]) {
      expect(await one.summary()).toEqual({ event: "finished", reason: "the run is finished" });
      expect(await one.ended()).toBe(0);
    }
    for (const name of ["a", "b"]) {
      const kept = readdirSync(`${folder}/cache-${name}/babelgrad/shards`);
      expect(kept.length).toBeGreaterThanOrEqual(4);
      expect(kept.every((file) => /^[0-9a-f]{64}$/.test(file))).toBe(true);
    }
  });

  it("that leave and come back: the run goes on and ends with the same weights", async () => {
    const { folder, config, tokenFile, out } = prepared();
    const run = start(["coordinator", config, "--out", out, ...sets("workers.min=2", "net.timeoutMs=60000")]);
    const { port } = await run.until(({ event }) => event === "listening");
    const worker = (name: string) =>
      start(["worker", "--name", name, "--join", `ws://127.0.0.1:${String(port)}`, "--token-file", tokenFile], {
        XDG_CACHE_HOME: `${folder}/cache`,
      });
    const [a, b] = [worker("a"), worker("b")];
    await run.untilStep(4);
    process.kill(b.pid, "SIGSTOP");
    process.kill(a.pid, "SIGTERM");
    expect(await a.summary()).toEqual({ event: "finished", reason: "it was asked to leave" });
    const seen = run.events.length;
    worker("a");
    await run.until((event) => event.event === "workerConnected" && run.events.indexOf(event) >= seen);
    process.kill(b.pid, "SIGCONT");
    expect(result(await run.summary())).toEqual(alone);
  });
});

describe("a token file", () => {
  it("that the coordinator writes: only its user may read it", async () => {
    const { folder, config } = runFolder();
    const run = start(["coordinator", config, "--out", `${folder}/run`]);
    const { tokenFile } = await run.until(({ event }) => event === "listening");
    expect(statSync(String(tokenFile)).mode & 0o777).toBe(0o600);
    process.kill(run.pid, "SIGTERM");
    expect(await run.summary()).toMatchObject({ event: "stopped", step: 0 });
    expect(await run.ended()).toBe(0);
  });
});

describe("connections beyond this machine without --insecure", () => {
  it.each([
    ["a worker that joins", ["worker", "--join", "ws://192.0.2.1:7700", "--token-file", "TOKEN"], "usage"],
    [
      "a worker that is advertised",
      ["worker", "--join", "ws://127.0.0.1:7700", "--advertise", "192.0.2.2", "--token-file", "TOKEN"],
      "usage",
    ],
    ["a coordinator that listens", ["coordinator", "CONFIG", "--out", "RUN", "--set", "net.host=0.0.0.0"], "options-conflict"],
  ])("%s: refused, exit 2", async (_, args, code) => {
    const { config, tokenFile, out } = prepared();
    const one = start(args.map((arg) => ({ TOKEN: tokenFile, CONFIG: config, RUN: out })[arg] ?? arg));
    expect(await one.summary()).toMatchObject({ event: "failed", code });
    expect(await one.ended()).toBe(2);
  });
});

const canIsolate = spawnSync("ip", ["netns", "add", "babelgrad-probe"]).status === 0;
if (canIsolate) spawnSync("ip", ["netns", "del", "babelgrad-probe"]);
else console.warn("skipped: machines as network namespaces need iproute2 and the right to make namespaces");

describe.skipIf(!canIsolate)("machines of a network", () => {
  it("a worker whose cable is pulled: the run goes on without it and ends with the same weights", async () => {
    const { folder, config, tokenFile, out } = prepared();
    const net = `bg${process.pid}`;
    const ip = (...args: string[]) => execFileSync("ip", args);
    const machines = [1, 2, 3].map((number) => ({ name: `${net}n${number}`, cable: `${net}c${number}`, address: `10.77.0.${number}` }));
    const hub = `${net}hub`;
    onTestFinished(() => {
      for (const name of [...machines.map(({ name: machine }) => machine), hub]) spawnSync("ip", ["netns", "del", name]);
    });
    ip("netns", "add", hub);
    ip("-n", hub, "link", "add", "bridge0", "type", "bridge");
    ip("-n", hub, "link", "set", "bridge0", "up");
    for (const { name, cable, address } of machines) {
      ip("netns", "add", name);
      ip("-n", hub, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name);
      ip("-n", hub, "link", "set", cable, "master", "bridge0", "up");
      ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
      ip("-n", name, "link", "set", "eth0", "up");
      ip("-n", name, "link", "set", "lo", "up");
    }
    const [one, two, three] = machines;
    if (one === undefined || two === undefined || three === undefined) throw new Error("there are three machines");
    const on = (machine: string) => ["ip", "netns", "exec", machine, process.execPath];
    const settings = sets(
      "net.host=0.0.0.0",
      "net.insecure=true",
      "net.port=7700",
      "workers.min=2",
      "net.heartbeatMs=200",
      "net.timeoutMs=2000",
    );
    const worker = (machine: { name: string }, ...flags: string[]) => {
      const args = [
        "worker",
        "--name",
        machine.name,
        "--join",
        `ws://${one.address}:7700`,
        "--token-file",
        tokenFile,
        "--insecure",
        ...flags,
      ];
      return start(args, { XDG_CACHE_HOME: `${folder}/cache-${machine.name}` }, on(machine.name));
    };
    // One finds its address by itself, the other is told.
    worker(two);
    const cut = worker(three, "--advertise", three.address);
    const run = start(["coordinator", config, "--out", out, ...settings], {}, on(one.name));
    await run.untilStep(4);
    process.kill(cut.pid, "SIGSTOP"); // so that the cut falls into a step
    ip("-n", hub, "link", "set", three.cable, "down");
    process.kill(cut.pid, "SIGCONT");
    await run.until(({ event, worker: gone }) => event === "workerGone" && gone === three.name);
    expect(result(await run.summary())).toEqual(alone);
    const members = run.events.filter(({ event }) => event === "generationBegan").map((began) => began["members"]);
    expect(members[0]).toEqual(expect.arrayContaining([two.name, three.name]));
    expect(members.at(-1)).toEqual([two.name]);
  });
});
