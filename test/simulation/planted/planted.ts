/** A planted bug: a fault that a maintainer might introduce, as a wrapper around one of the machines. */
import type { ClusterSettings } from "../../../src/coordinator/cluster.ts";
import type { ClusterEffect, ClusterEvent } from "../../../src/coordinator/cluster-events.ts";
import type { MemberEffect, MemberEvent } from "../../../src/worker/member-events.ts";
import { production } from "../simulate.ts";
import type { BlockValues, Partial } from "../values.ts";
import type { Machines } from "../world.ts";

type ClusterStep = (now: number, event: ClusterEvent) => readonly ClusterEffect[];
type Event = MemberEvent<Partial, BlockValues>;
type Effect = MemberEffect<Partial, BlockValues>;
type MemberStep = (now: number, event: Event) => readonly Effect[];

/** The production machines, but the cluster's steps go through `patch`. */
export function patchCluster(patch: (step: ClusterStep, settings: ClusterSettings) => ClusterStep): Machines {
  return {
    ...production,
    cluster: (settings) => {
      const inner = production.cluster(settings);
      const step = patch((now, event) => inner.step(now, event), settings);
      return {
        step,
        get wakeAt() {
          return inner.wakeAt;
        },
        get phase() {
          return inner.phase;
        },
      };
    },
  };
}

/** The production machines, but each member's steps go through `patch`. */
export function patchMember(patch: (step: MemberStep) => MemberStep): Machines {
  return {
    ...production,
    member: (settings) => {
      const inner = production.member(settings);
      const step = patch((now, event) => inner.step(now, event));
      return {
        step,
        get wakeAt() {
          return inner.wakeAt;
        },
        get position() {
          return inner.position;
        },
        get backlog() {
          return inner.backlog;
        },
      };
    },
  };
}
