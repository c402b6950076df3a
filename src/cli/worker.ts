/** `babelgrad worker`: computes for a coordinator, on this machine or another. */
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { hostname } from "node:os";
import type { Command } from "commander";
import { BabelgradError } from "../base/errors.ts";
import { work } from "../worker/io/main.ts";
import { addressTowards } from "../worker/io/own-address.ts";
import { withExamples } from "./config-flags.ts";
import { printEvent } from "./event.ts";
import { stopSignal } from "./stop-signal.ts";
import { supervised } from "./supervised.ts";
import { version } from "./version.ts";

interface WorkerFlags {
  readonly join: string;
  readonly tokenFile: string;
  readonly advertise?: string;
  readonly insecure?: true;
  readonly name?: string;
  readonly data?: string;
  readonly quiet?: true;
  readonly json?: true;
}

/** As it stands in a URL or an address. */
const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/;

export function define(command: Command): void {
  command
    .requiredOption("--join <URL>", "coordinator, ws://HOST:PORT")
    .requiredOption("--token-file <FILE>", "file with the coordinator's token (its run directory's `token`)")
    .option("--advertise <ADDRESS>", "where other workers reach this machine (default: the address that the coordinator sees)")
    .option("--insecure", "allow unencrypted connections beyond this machine")
    .option("--name <NAME>", "name of the worker (default: host and process)")
    .option("--data <DIR>", "prepared data on this machine; otherwise shards are fetched from the coordinator and cached")
    .option("--quiet", "print nothing but errors")
    .action((flags: WorkerFlags) => supervised(() => run(flags)));
  withExamples(command, [
    "babelgrad worker --join ws://127.0.0.1:7700 --token-file runs/udhr/token",
    "babelgrad worker --join ws://10.0.0.5:7700 --token-file token --advertise 10.0.0.6 --insecure",
  ]);
}

async function run(flags: WorkerFlags): Promise<void> {
  const url = coordinatorUrl(flags);
  const address = flags.advertise ?? (await ownAddress(new URL(url)));
  if (!loopback.test(address)) requireInsecure(flags, `--advertise ${address}`);
  const note = (what: string): void => {
    if (flags.json) printEvent("noted", { what });
    else if (flags.quiet !== true) process.stderr.write(`${what}\n`);
  };
  const reason = await work({
    url,
    token: readToken(flags.tokenFile),
    name: flags.name ?? `${hostname().replace(/[^A-Za-z0-9.-]/g, "-")}-${process.pid}`,
    softwareVersion: version(),
    // Beyond this machine the address may be that of a router before it.
    host: loopback.test(address) ? address : isIPv6(address) ? "::" : "0.0.0.0",
    advertise: address,
    dataFolder: flags.data,
    onNote: note,
    stop: stopSignal(),
  });
  if (flags.json) printEvent("finished", { reason });
  else note(reason);
}

/** Where others reach this worker when nobody says: by the address that the coordinator sees. */
async function ownAddress({ hostname: host, port }: URL): Promise<string> {
  const bare = host.replace(/^\[|\]$/g, "");
  return loopback.test(bare) ? "127.0.0.1" : addressTowards(bare, Number(port));
}

function coordinatorUrl(flags: WorkerFlags): string {
  let url: URL;
  try {
    url = new URL(flags.join);
  } catch {
    throw new BabelgradError("usage", `--join ${flags.join} is not a URL; it looks like ws://HOST:PORT`);
  }
  if (url.protocol !== "ws:" || url.port === "") throw new BabelgradError("usage", `--join ${flags.join} should look like ws://HOST:PORT`);
  if (!loopback.test(url.hostname)) requireInsecure(flags, `--join ${flags.join}`);
  return `ws://${url.host}`;
}

function requireInsecure(flags: WorkerFlags, what: string): void {
  if (flags.insecure !== true)
    throw new BabelgradError("usage", `${what} is beyond this machine, and connections are not encrypted yet: say --insecure to allow it`);
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new BabelgradError(
      "usage",
      `--token-file ${file} cannot be read; it is the file \`token\` of the coordinator's run directory`,
      {},
      { cause },
    );
  }
}
