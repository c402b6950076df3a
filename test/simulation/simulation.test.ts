/** Every seed is a run with at least five faults that must end as if nothing had happened. */
import { expect, test } from "vitest";
import type { ClusterTransition } from "../../src/coordinator/cluster-events.ts";
import type { MemberTransition } from "../../src/worker/member-events.ts";
import { seedsInTests } from "./seeds.ts";
import { production, simulate } from "./simulate.ts";

/** Each transition: "reached", or why no seed can reach it. A new transition does not compile until it stands here. */
const clusterTransitions: Record<ClusterTransition, string> = {
  began: "reached",
  committed: "reached",
  replayed: "reached",
  redo: "reached",
  finish: "reached",
  "survivors-all-prepared": "reached",
  "all-lost": "reached",
  "worker-silent": "reached",
  "lost-while-appending": "reached",
  "lost-at-boundary": "reached",
  "joiner-loads": "reached",
  "joiner-ready": "reached",
  "donor-lost": "reached",
  "load-failed": "reached",
  "returned-in-step": "reached",
  "commit-sent-again": "reached",
  "finish-after-restart": "reached",
  "link-down-evicts": "reached",
  held: "reached",
  "stale-prepared": "reached",
};

const memberTransitions: Record<MemberTransition, string> = {
  "step-started": "reached",
  "partials-resent": "reached",
  "averages-served": "reached",
  prepared: "reached",
  applied: "reached",
  "stale-frame": "reached",
  "early-frame": "reached",
  "duplicate-frame": "reached",
  "partial-dropped": "reached",
  "refused-frame": "only a faulty sender is refused, and the simulator fails when that happens",
  "stale-plan": "only a coordinator that was replaced sends one; the lock on the run directory allows one (scenario 5)",
  "commit-after-reconnect": "the coordinator sends a commit to those alone that reported the average on the same connection",
};

test(`${seedsInTests.length} seeds: every run ends with the bits of one undisturbed worker`, () => {
  const transitions = new Set<string>();
  const failures: string[] = [];
  for (const seed of seedsInTests) {
    const result = simulate(seed);
    for (const name of result.transitions.keys()) transitions.add(name);
    if (result.failure === undefined) continue;
    failures.push(`seed ${seed}: ${result.failure}\nreplay: SEED=${seed} npx vitest run test/simulation/replay.test.ts`);
  }
  expect(failures).toEqual([]);
  for (const [name, fate] of Object.entries({ ...clusterTransitions, ...memberTransitions }))
    expect(`${name}: ${transitions.has(name) ? "reached" : "not reached"}`).toBe(
      `${name}: ${fate === "reached" ? "reached" : "not reached"}`,
    );
});

test.each([3, 77, 151])("seed %i twice: the same trace to the last line", (seed) => {
  const [first, second] = [simulate(seed, production, true), simulate(seed, production, true)];
  expect(first.trace.length).toBeGreaterThan(200);
  expect(second.trace).toEqual(first.trace);
});
