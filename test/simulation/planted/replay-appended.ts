/** A step that is replayed is appended to the log again. */
import { patchCluster } from "./planted.ts";

export const replayAppended = patchCluster((step, { history }) => (now, event) => {
  const effects = step(now, event);
  if (!effects.some((e) => e.kind === "note" && e.transition === "replayed")) return effects;
  const commit = effects.find((e) => e.kind === "send" && e.message.kind === "commit");
  const replayed = commit?.kind === "send" && commit.message.kind === "commit" ? commit.message.step : -1;
  const record = history.recordOf(replayed);
  return record === undefined ? effects : [...effects, { kind: "append", record }];
});
