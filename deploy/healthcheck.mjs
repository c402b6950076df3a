#!/usr/bin/env node
/**
 * For HEALTHCHECK: asks /healthz of whatever this container's process listens on. A coordinator has the port that it was
 * given, a worker any free one, so the port is looked up where Linux keeps it; exit 0: it answers 200.
 *
 *     node healthcheck.mjs [PID]     default: 1, the container's own
 */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

const process1 = join("/proc", process.argv[2] ?? "1");
const answers = await Promise.all(listeningPorts(process1).map(isHealthy));
if (!answers.includes(true)) {
  console.error(`${process1} is not healthy: ${answers.length === 0 ? "it does not listen yet" : "/healthz does not answer 200"}`);
  process.exitCode = 1;
}

/** Ports of the TCP sockets on which the process listens, of IPv4 and IPv6. */
function listeningPorts(folder) {
  if (!existsSync(join(folder, "fd"))) return [];
  const sockets = new Set(readdirSync(join(folder, "fd")).map((name) => socketOf(join(folder, "fd", name))));
  const lines = ["tcp", "tcp6"].flatMap((name) =>
    readFileSync(join(folder, "net", name), "utf8")
      .trim()
      .split("\n")
      .slice(1),
  );
  // local address, state (0A: listens) and inode are columns 2, 4 and 10 of proc_net_tcp(5).
  const rows = lines.map((line) => line.trim().split(/\s+/)).filter((row) => row[3] === "0A" && sockets.has(row[9]));
  return [...new Set(rows.map((row) => Number.parseInt(row[1].split(":")[1], 16)))];
}

/** Inode of an open file that is a socket; it may have been closed since it was listed. */
function socketOf(path) {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
  } catch {
    return undefined;
  }
}

async function isHealthy(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(3000) })).status === 200;
  } catch {
    return false;
  }
}
