/** Bad input between processes: a port that is taken, a wrong token, another version, another numeric class. */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { workerId } from "../../src/base/ids.ts";
import { toCoordinator, toWorker } from "../../src/wire/io/control-codec.ts";
import { protocolVersion, schemaSha256 } from "../../src/wire/version.ts";
import { expectFailure, run, sets, start, testFolder, weightsOf, writeTinyRun } from "./bad-input.ts";

/** A coordinator that listens, and where. */
async function coordinator(folder: string, settings: Readonly<Record<string, number>> = {}) {
  const process = start(["coordinator", writeTinyRun(folder), "--out", join(folder, "run"), ...sets(settings)]);
  const { port } = await process.event("listening");
  const address = ["--join", `ws://127.0.0.1:${String(port)}`];
  return { ...process, port: Number(port), address, joining: [...address, "--token-file", join(folder, "run", "token")] };
}

test("a port that is taken: named, exit 1; the same command listens as soon as it is free", async () => {
  const folder = testFolder();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const args = [writeTinyRun(folder), "--out", join(folder, "run"), ...sets({ "net.port": port })];
  expectFailure(await run(["train", ...args]), "port-taken", `Port ${port} of 127.0.0.1`, "net.port=N");
  server.close();
  await once(server, "close");
  const listening = await start(["coordinator", ...args]).event("listening");
  expect(listening["port"]).toBe(port);
});

test("strangers at a coordinator's port: each is refused with its reason, and the run goes on for a worker that belongs to it", async () => {
  const folder = testFolder();
  const { port, joining, address, ended } = await coordinator(folder, { "workers.min": 2 });

  const wrong = join(folder, "wrong-token");
  writeFileSync(wrong, `${"0".repeat(48)}\n`);
  expectFailure(await run(["worker", ...address, "--token-file", wrong]), "wrong-token", `127.0.0.1:${port}`);
  expectFailure(await run(["worker", ...address, "--token-file", join(folder, "none")]), "usage", join(folder, "none"));

  const socket = new WebSocket(`ws://127.0.0.1:${port}/control`, {
    headers: { authorization: `Bearer ${readFileSync(join(folder, "run", "token"), "utf8").trim()}` },
  });
  await once(socket, "open");
  const peerAddress = "127.0.0.1:1";
  const future = { protocolVersion: protocolVersion + 1, schemaSha256: "f".repeat(64), softwareVersion: "99.0.0" };
  socket.send(toCoordinator.encode({ kind: "hello", worker: workerId("future"), peerAddress, ...future }));
  const [answer] = (await once(socket, "message")) as [Buffer]; // ws delivers a Buffer
  expect(toWorker.decode(answer)).toMatchObject({
    kind: "refused",
    code: "version-mismatch",
    message: expect.stringContaining(`future (babelgrad 99.0.0) speaks protocol ${future.protocolVersion}, schema ffffffff…`),
  });
  await once(socket, "close");

  // The first worker fixes the numeric class; the coordinator waits for a second before the first step.
  const own = start(["worker", ...joining, "--name", "own"]);
  await fixedClass(folder);
  const other = await run(["worker", ...joining, "--name", "other"], { env: { TF_ENABLE_ONEDNN_OPTS: "0" } });
  expectFailure(other, "class-differs", "the run's numbers come from tensorflow-cpu on ", "TF_ENABLE_ONEDNN_OPTS=0");
  const second = start(["worker", ...joining, "--name", "second"]);
  weightsOf(await ended);
  for (const { status, err } of [await own.ended, await second.ended]) expect(status, err).toBe(0);
});

/** Resolves when a first worker was accepted: run.json names its class. */
async function fixedClass(folder: string): Promise<void> {
  while (!readFileSync(join(folder, "run", "run.json"), "utf8").includes("numericClass")) await sleep(20);
}

test("a coordinator of another version: the worker ends with what it says, exit 1", async () => {
  const folder = testFolder();
  writeFileSync(join(folder, "token"), `${"1".repeat(48)}\n`);
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const hello = new Promise((resolve) => {
    server.on("connection", (socket) =>
      socket.once("message", (data: Buffer) => {
        resolve(toCoordinator.decode(data));
        const message = "Worker w speaks protocol 1; this coordinator protocol 2.";
        socket.send(toWorker.encode({ kind: "refused", code: "version-mismatch", message, todo: "Install the same version." }));
      }),
    );
  });
  const worker = await run(["worker", "--join", `ws://127.0.0.1:${port}`, "--token-file", join(folder, "token"), "--name", "w"]);
  server.close();
  expectFailure(worker, "version-mismatch", "this coordinator protocol 2", "Install the same version of babelgrad");
  expect(await hello).toMatchObject({ kind: "hello", protocolVersion, schemaSha256, worker: "w" });
});
