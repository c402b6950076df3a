import { expect, it } from "vitest";
import type { Digest } from "../../../src/base/ids.ts";
import { sha256 } from "../../../src/base/io/sha256.ts";
import { DigestList } from "../../../src/coordinator/digest-list.ts";

it("digests pushed: come back by their place, also after the list has grown; nothing outside", () => {
  const digests = Array.from({ length: 1000 }, (_, i): Digest => sha256([Uint8Array.of(i, i >> 8)]));
  const list = new DigestList();
  for (const digest of digests) list.push(digest);
  expect(list.length).toBe(1000);
  expect(digests.map((_, i) => list.at(i))).toEqual(digests);
  expect([list.at(-1), list.at(1000), new DigestList().at(0)]).toEqual([undefined, undefined, undefined]);
});
