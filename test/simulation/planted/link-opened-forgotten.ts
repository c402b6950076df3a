/** A member does not send again what it had sent when a link comes back. */
import { patchMember } from "./planted.ts";

export const linkOpenedForgotten = patchMember((step) => (now, event) => {
  const effects = step(now, event);
  return event.kind === "linkOpened" ? effects.filter((e) => e.kind !== "sendFrame") : effects;
});
