/** What a member refuses, drops and remembers: the paths that no honest cluster takes. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Sha256 } from "../../../src/base/digest.ts";
import { type Digest, type WorkerId, workerId } from "../../../src/base/ids.ts";
import type { CoordinatorMessage, Frame, Plan } from "../../../src/wire/messages.ts";
import { Member } from "../../../src/worker/member.ts";
import type { MemberEffect, MemberEvent } from "../../../src/worker/member-events.ts";

const [a, b] = [workerId("A"), workerId("B")];
const sha256: Sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex") as Digest; // 64 lower-case hexadecimal digits
};
const lineage = sha256([]);
const tally = [{ language: 0, sequences: 1, targets: 4, bytes: 9, lossNats: 1 }];
const plan: Plan = {
  generation: { term: 1, count: 2 },
  step: 0,
  lineage,
  members: [
    { worker: a, leaves: [0], blocks: [0] },
    { worker: b, leaves: [1], blocks: [1] },
  ],
  finishFrom: [],
};

/** A member of the plan above: A, with leaf 0 of two and the first of two blocks. */
function memberAtWork() {
  const member = new Member<string, string>({ self: a, leaves: 2, blocks: 2, sha256, blockOf: (partial, block) => `${partial} ${block}` });
  const take = (event: MemberEvent<string, string>): readonly MemberEffect<string, string>[] => member.step(0, event);
  const hear = (message: CoordinatorMessage) => take({ kind: "messageReceived", message });
  const receive = (from: WorkerId, frame: Frame<string>) => take({ kind: "frameReceived", from, frame });
  take({ kind: "connected" });
  take({ kind: "stateLoaded", position: { step: 0, lineage } });
  hear({ kind: "plan", ...plan });
  return { member, take, hear, receive };
}

const head = { generation: plan.generation, step: 0, lineage, block: 0 };
const partial: Frame<string> = { kind: "partial", ...head, subtree: 3, tally, values: "leaf 1" };
const average: Frame<string> = { kind: "average", ...head, block: 1, tally, digest: lineage, sumOfSquares: 1, values: "average" };

test.each<[string, Frame<string>, RegExp]>([
  ["a partial of a block that B owns", { ...partial, block: 1 }, /which is another member's/],
  ["a partial of a leaf that is not B's", { ...partial, subtree: 2 }, /not in the sender's cover/],
  ["an average of a block that A owns", { ...average, block: 0 }, /does not own it/],
  ["a partial of another lineage", { ...partial, lineage: sha256([new Uint8Array(1)]) }, /^lineage /],
])("%s: refused", (_, frame, reason) => {
  const refused = memberAtWork()
    .receive(b, frame)
    .find((e) => e.kind === "refuseFrame");
  expect(refused).toEqual({ kind: "refuseFrame", from: b, reason: expect.stringMatching(reason) as string });
});

test("the partial and the average that the plan allows: taken once, then known", () => {
  const { receive } = memberAtWork();
  expect(receive(b, partial)).toEqual([]);
  expect(receive(b, partial)).toEqual([{ kind: "note", transition: "duplicate-frame" }]);
  expect(receive(b, average)).toEqual([]);
  expect(receive(b, average)).toEqual([{ kind: "note", transition: "duplicate-frame" }]);
});

test("a plan of a lower term, or the same plan again: not followed", () => {
  const { hear } = memberAtWork();
  for (const generation of [{ term: 0, count: 9 }, plan.generation])
    expect(hear({ kind: "plan", ...plan, generation })).toEqual([{ kind: "note", transition: "stale-plan" }]);
});

test("a commit of a step that this member has not prepared: not applied", () => {
  const scalars = { rate: 1, beta1Power: 1, beta2Power: 1, clipScale: 1 };
  const commit = { kind: "commit", step: 0, digest: lineage, scalars, isSkipped: false, lineageAfter: lineage, hold: false } as const;
  expect(memberAtWork().hear(commit)).toEqual([{ kind: "note", transition: "commit-after-reconnect" }]);
});

test("a load of the state that it has: nothing is fetched and nothing is said twice", () => {
  expect(memberAtWork().hear({ kind: "load", position: { step: 0, lineage }, donor: b })).toEqual([]);
});

test("frames of one later generation after another: only the newest of a sender wait", () => {
  const { member, receive } = memberAtWork();
  for (let count = 3; count < 50; count++) receive(b, { ...partial, generation: { term: 1, count } });
  expect(member.backlog).toBe(1);
});

test("what the time goes to beside the engine: exchange until the step is prepared, commit until it is applied, then idle when held", () => {
  const { member, take, hear, receive } = memberAtWork();
  expect(member.waitsFor).toBe("exchange");
  take({ kind: "leafComputed", step: 0, leaf: 0, partial: "leaf 0", tally });
  receive(b, partial);
  take({ kind: "blockAveraged", generation: plan.generation, step: 0, block: 0, values: "mine", digest: lineage, sumOfSquares: 1 });
  expect(member.waitsFor).toBe("exchange");
  const prepared = receive(b, average).find((e) => e.kind === "send")?.message;
  expect(member.waitsFor).toBe("commit");
  const { digest } = prepared as Extract<typeof prepared, { kind: "prepared" }>;
  const scalars = { rate: 1, beta1Power: 1, beta2Power: 1, clipScale: 1 };
  hear({ kind: "commit", step: 0, digest, scalars, isSkipped: false, lineageAfter: lineage, hold: true });
  take({ kind: "updateApplied", step: 0 });
  expect(member.waitsFor).toBe("idle");
});
