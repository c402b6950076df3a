/** The coordinator commits when it hands the record to the disk, not when the disk has it. */
import { patchCluster } from "./planted.ts";

export const commitBeforeAppend = patchCluster(
  (step) => (now, event) =>
    step(now, event).flatMap((effect) =>
      effect.kind === "append" ? [effect, ...step(now, { kind: "recordAppended", step: effect.record.step })] : [effect],
    ),
);
