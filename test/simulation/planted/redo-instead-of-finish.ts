/** After a loss the step is always done again, also when a survivor has prepared it. */
import { patchCluster } from "./planted.ts";

export const redoInsteadOfFinish = patchCluster(
  (step) => (now, event) =>
    step(now, event).map((effect) => {
      if (effect.kind === "recordGeneration") return { ...effect, plan: { ...effect.plan, finishFrom: [] } };
      if (effect.kind === "send" && effect.message.kind === "plan") return { ...effect, message: { ...effect.message, finishFrom: [] } };
      return effect;
    }),
);
