/** One seed: a run with its cluster, its faults and its checks, from the first start to the last commit. */
import { assert } from "../../src/base/assert.ts";
import { Cluster } from "../../src/coordinator/cluster.ts";
import { foldTree } from "../../src/step/tree.ts";
import { Member } from "../../src/worker/member.ts";
import { Chance } from "./chance.ts";
import { Faults } from "./faults.ts";
import { type Machines, type Moment, type Pace, type RunSettings, World } from "./world.ts";

export const production: Machines = {
  member: (settings) => new Member(settings),
  cluster: (settings) => new Cluster(settings),
  fold: foldTree,
  storesUnverified: false,
  isDiskFaulty: true,
  nextTerm: (before) => before + 1,
};

export interface SimulationResult {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly transitions: ReadonlyMap<string, number>;
  readonly faults: number;
  readonly steps: number;
  readonly virtualMs: number;
  /** Lines; empty unless asked for. */
  readonly trace: readonly string[];
}

/** A run that takes longer than this in its own time, or more actions, has stalled. */
const virtualMsMax = 600_000;
const actionsMax = 400_000;

export function simulate(seed: number, machines: Machines = production, isTraced = false): SimulationResult {
  const transitions = new Map<string, number>();
  const trace: string[] = [];
  const chance = new Chance(seed, "run");
  const network = new Chance(seed, "network");
  const run = runOf(chance);
  const workers = chance.whole(2, 5);
  let faults: Faults | undefined;
  const world: World = new World(
    seed,
    { ...run, workersMin: Math.min(run.workersMin, workers) },
    paceOf(seed, () => faults),
    machines,
    {
      trace: (line) => {
        if (isTraced) trace.push(`${(world.clock.now / 1000).toFixed(3).padStart(8)}  ${line()}`);
      },
      moment: (moment: Moment, worker) => {
        count(transitions, `moment ${moment}`);
        faults?.moment(moment, worker);
      },
      note: (transition) => count(transitions, transition),
      isHeld: () => false,
      survivors: (_from, _to, { length }) => (network.isTrue(0.5) ? length : network.whole(0, length)),
    },
  );
  faults = new Faults(world, new Chance(seed, "faults"));
  let failure: string | undefined;
  try {
    faults.begin(workers);
    drive(world, faults);
    world.oracle.checkEnd();
    assert(faults.struck >= 5, `only ${faults.struck} faults struck`);
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (isTraced) trace.push(`${(world.clock.now / 1000).toFixed(3).padStart(8)}  FAILED ${failure}`);
  }
  return { seed, failure, transitions, faults: faults.struck, steps: run.steps, virtualMs: world.clock.now, trace };
}

function drive(world: World, faults: Faults): void {
  const { clock } = world;
  while (world.outcome?.kind !== "finished") {
    if (world.outcome?.kind === "stopped") {
      world.observer.note("stopped-and-resumed");
      world.outcome = undefined;
      faults.resume();
    }
    const isStalled = !clock.advance() || clock.now > virtualMsMax || clock.count > actionsMax;
    if (isStalled) throw new Error(`the run stalled after ${world.disk.log.length} steps; ${waitingFor(world)}`);
  }
}

function waitingFor(world: World): string {
  const { coordinator } = world;
  const phase = coordinator?.isAlive === true ? `is ${coordinator.phase}${coordinator.isPaused ? ", stopped" : ""}` : "is dead";
  return [`the coordinator ${phase}`, ...[...world.workers.values()].filter((w) => w.isAlive).map((w) => w.waiting)].join("\n  ");
}

function runOf(chance: Chance): RunSettings {
  const timeoutMs = chance.pick([1000, 2000]);
  return {
    leaves: chance.pick([4, 8, 8, 16]),
    blocks: chance.whole(1, 5),
    steps: chance.whole(20, 28),
    workersMin: chance.whole(1, 3),
    validationLeaves: chance.whole(0, 3),
    validateEvery: chance.pick([0, 4, 7]),
    checkpointEvery: chance.pick([0, 3, 5]),
    sampleEvery: chance.pick([0, 6]),
    skipsMax: 3,
    clipNorm: chance.pick([0, 1]),
    notFinite: new Set(chance.isTrue(0.3) ? [chance.whole(1, 9), chance.whole(10, 19)] : []),
    graceMs: chance.pick([300, 1500]),
    timeoutMs,
    pingTimeoutMs: timeoutMs,
    acceptsPlannedOnly: chance.isTrue(0.7),
  };
}

function paceOf(seed: number, faults: () => Faults | undefined): Pace {
  const chance = new Chance(seed, "pace");
  const spread = chance.pick([2, 15, 60]);
  return {
    messageMs: () => (chance.isTrue(0.03) ? chance.whole(1, 10 * spread) : chance.whole(1, spread)),
    leafMs: (worker) => chance.whole(10, 40) * (faults()?.slow.get(worker) ?? 1),
    smallMs: () => chance.whole(1, 8),
    stateMs: () => chance.whole(20, 200),
    fsyncMs: () => chance.whole(1, 15),
    dialMs: () => chance.whole(1, 30),
    reconnectMs: () => chance.pick([0, 20, 300]),
  };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
