/** A joiner counts as a member as soon as it was told to load, whatever state it has. */
import { patchCluster } from "./planted.ts";

export const joinerBeforeState = patchCluster(
  (step) => (now, event) =>
    step(now, event).flatMap((effect) => {
      if (effect.kind !== "send" || effect.message.kind !== "load") return [effect];
      const { position } = effect.message;
      const ready = { kind: "ready", position, prepared: undefined } as const;
      return [effect, ...step(now, { kind: "messageReceived", worker: effect.worker, message: ready })];
    }),
);
