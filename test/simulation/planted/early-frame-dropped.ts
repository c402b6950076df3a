/** A member drops the frames of a plan that has not reached it yet. */
import { compareGenerations, type Generation, noGeneration } from "../../../src/base/ids.ts";
import { patchMember } from "./planted.ts";

export const earlyFrameDropped = patchMember((step) => {
  let current: Generation = noGeneration;
  return (now, event) => {
    if (event.kind === "frameReceived" && compareGenerations(event.frame.generation, current) > 0) return [];
    const effects = step(now, event);
    for (const effect of effects) if (effect.kind === "setRoutes") current = effect.plan.generation;
    return effects;
  };
});
