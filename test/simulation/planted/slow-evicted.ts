/** A member that is late with its leaves is taken for dead. */
import type { WorkerId } from "../../../src/base/ids.ts";
import type { Plan } from "../../../src/wire/messages.ts";
import { patchCluster } from "./planted.ts";

const patienceMs = 600;

export const slowEvicted = patchCluster((step) => {
  let plan: Plan | undefined;
  let firstAt: number | undefined;
  const prepared = new Set<WorkerId>();
  return (now, event) => {
    const effects = [...step(now, event)];
    for (const effect of effects) {
      if (effect.kind === "recordGeneration") plan = effect.plan;
      if (effect.kind !== "recordGeneration" && effect.kind !== "append") continue;
      prepared.clear();
      firstAt = undefined;
    }
    if (event.kind === "messageReceived" && event.message.kind === "prepared" && !effects.some((e) => e.kind === "append")) {
      prepared.add(event.worker);
      firstAt ??= now;
    }
    const late = plan?.members.find((m) => !prepared.has(m.worker))?.worker;
    if (firstAt === undefined || now - firstAt < patienceMs || late === undefined) return effects;
    firstAt = undefined;
    return [...effects, { kind: "closeWorker", worker: late, reason: "too slow" }, ...step(now, { kind: "workerGone", worker: late })];
  };
});
