/** A member gives its partials back when it has prepared the step, not when the step is committed. */
import type { MemberEffect } from "../../../src/worker/member-events.ts";
import type { BlockValues, Partial } from "../values.ts";
import { patchMember } from "./planted.ts";

export const releasedAtPrepared = patchMember((step) => {
  const held = new Set<Partial>();
  return (now, event) => {
    if (event.kind === "leafComputed" || event.kind === "partialsAdded") held.add(event.partial);
    return step(now, event).flatMap((effect): MemberEffect<Partial, BlockValues>[] => {
      if (effect.kind === "addPartials") {
        held.delete(effect.left);
        held.delete(effect.right);
      }
      if (effect.kind === "release") return held.delete(effect.partial) ? [effect] : [];
      if (effect.kind !== "send" || effect.message.kind !== "prepared") return [effect];
      const early = [...held].map((partial) => ({ kind: "release", partial }) as const);
      held.clear();
      return [effect, ...early];
    });
  };
});
