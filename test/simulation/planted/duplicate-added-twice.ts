/** An owner adds each partial to a running sum when it comes, so one that is sent again counts twice. */
import type { SubtreeKey } from "../../../src/step/tree.ts";
import type { BlockValues } from "../values.ts";
import { patchMember } from "./planted.ts";

export const duplicateAddedTwice = patchMember((step) => {
  const seen = new Set<string>();
  const twice = new Set<string>();
  return (now, event) => {
    if (event.kind === "frameReceived" && event.frame.kind === "partial") {
      const { generation: g, step: s, block, subtree } = event.frame;
      const name = `${g.term}.${g.count} ${s} ${block} ${subtree}`;
      if (seen.has(name)) twice.add(name);
      seen.add(name);
    }
    return step(now, event).map((effect) => {
      if (effect.kind !== "averageBlock") return effect;
      const { generation: g, step: s, block } = effect;
      const isTwice = (subtree: SubtreeKey) => twice.has(`${g.term}.${g.count} ${s} ${block} ${subtree}`);
      return { ...effect, parts: new Map([...effect.parts].map(([key, part]) => [key, isTwice(key) ? doubled(part) : part])) };
    });
  };
});

function doubled(part: BlockValues): BlockValues {
  if (part.kind !== "view") return part;
  const { gradient } = part;
  return { ...part, gradient: { kind: "sum", id: -gradient.id, left: gradient, right: gradient, digest: gradient.digest } };
}
