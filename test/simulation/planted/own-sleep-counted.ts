/** The coordinator counts the time that it was stopped itself as silence of its workers. */
import { patchCluster } from "./planted.ts";

export const ownSleepCounted = patchCluster((step, { timeoutMs }) => {
  let last: number | undefined;
  return (now, event) => {
    const missed = [];
    for (let t = (last ?? now) + timeoutMs / 8; t < now; t += timeoutMs / 8) missed.push(...step(t, { kind: "timeArrived" }));
    last = now;
    return [...missed, ...step(now, event)];
  };
});
