/** A member takes partials of an older generation of the same step for current ones. */
import type { Generation } from "../../../src/base/ids.ts";
import { patchMember } from "./planted.ts";

export const oldGenerationAccepted = patchMember((step) => {
  let current: { readonly generation: Generation; readonly step: number } | undefined;
  return (now, event) => {
    const isOld = event.kind === "frameReceived" && event.frame.kind === "partial" && event.frame.step === current?.step;
    const generation = current?.generation;
    const taken = isOld && generation !== undefined ? { ...event, frame: { ...event.frame, generation } } : event;
    const effects = step(now, taken);
    for (const effect of effects) if (effect.kind === "setRoutes") current = effect.plan;
    return effects;
  };
});
