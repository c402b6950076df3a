/**
 * One coordinator a run directory. A holder's file says in its name who it is (host, boot, pid namespace, process and
 * when that process started), so it is there or not, never half written, and no other process ever has that name. Each
 * writes its own and then looks for others: of two that start at once at least one sees the other and gives way.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Disk } from "../../base/disk.ts";
import { BabelgradError } from "../../base/errors.ts";

export interface RunLock {
  release(): Promise<void>;
}

/** Takes the lock of a run directory, or `run-locked` with the process that has it. Files of dead processes are removed. */
export async function lockRun(disk: Disk, folder: string): Promise<RunLock> {
  const locks = `${folder}/lock`;
  const mine = nameOf(holderOf(process.pid));
  await disk.makeFolder(locks);
  if (((await disk.list(locks)) ?? []).includes(mine)) throw locked(folder, mine, `process ${process.pid}, which is this one,`);
  await refuseOthers(disk, folder, mine);
  const file = await disk.open(`${locks}/${mine}`);
  await file.close();
  const release = () => disk.remove(`${locks}/${mine}`);
  try {
    await refuseOthers(disk, folder, mine);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** In words who has the run directory, for readers, which take no lock: undefined when nobody does. Changes nothing. */
export async function runHolder(disk: Disk, folder: string): Promise<string | undefined> {
  for (const name of (await disk.list(`${folder}/lock`)) ?? []) {
    const holder = parseName(name);
    const who = holder === undefined ? undefined : ownerOf(holder);
    if (who !== undefined) return who;
  }
  return undefined;
}

/** The process in words while it is alive. Another host's cannot be looked at from here: it is taken for alive. */
function ownerOf(holder: Holder): string | undefined {
  if (holder.host !== hostname()) return `process ${holder.pid} on ${holder.host}`;
  return isAlive(holder) ? `process ${holder.pid}` : undefined;
}

async function refuseOthers(disk: Disk, folder: string, mine: string): Promise<void> {
  for (const name of (await disk.list(`${folder}/lock`)) ?? []) {
    if (name === mine) continue;
    const holder = parseName(name);
    if (holder === undefined) throw locked(folder, name, `${name}, whatever that is,`);
    const who = ownerOf(holder);
    if (who !== undefined) throw locked(folder, name, who);
    await disk.remove(`${folder}/lock/${name}`);
  }
}

function locked(folder: string, name: string, who: string): BabelgradError {
  return new BabelgradError("run-locked", `${who} has ${folder}`, { path: `${folder}/lock/${name}` });
}

interface Holder {
  readonly host: string;
  /** Boot of the machine and namespace of process ids: in another one the process id means something else. */
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  /** Clock ticks from boot to the start of the process: tells it from a later one with the same id. */
  readonly start: string;
}

function holderOf(pid: number): Holder {
  return {
    host: hostname(),
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8),
    namespace: readlinkSync("/proc/self/ns/pid").replace(/\D/g, ""),
    pid,
    start: startOf(pid) ?? "0",
  };
}

function nameOf({ host, boot, namespace, pid, start }: Holder): string {
  return [host, boot, namespace, pid, start].join(" ");
}

function parseName(name: string): Holder | undefined {
  const match = /^(\S+) (\w+) (\d+) (\d+) (\d+)$/.exec(name);
  const [, host, boot, namespace, pid, start] = match ?? [];
  if (host === undefined || boot === undefined || namespace === undefined || pid === undefined || start === undefined) return undefined;
  return { host, boot, namespace, pid: Number(pid), start };
}

function isAlive(holder: Holder): boolean {
  return nameOf(holder) === nameOf({ ...holderOf(holder.pid), start: startOf(holder.pid) ?? "gone" });
}

/** Field 22 of /proc/PID/stat; undefined when there is no such process, or only its corpse. */
function startOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may hold anything; the third is the state.
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return rest[0] === "Z" || rest[0] === "X" ? undefined : rest[19];
}
