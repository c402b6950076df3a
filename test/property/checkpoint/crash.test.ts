import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BabelgradError } from "../../../src/base/errors.ts";
import { Crashed, MemoryDisk } from "../../contract/checkpoint/memory-disk.ts";
import { openStore, vectorOf, writeCheckpoint } from "../../unit/checkpoint/sample-checkpoint.ts";

describe("a machine that goes down at any moment while checkpoints are written", () => {
  it("what was committed is whole, or replaced by what came after; nothing half-written is seen", async () => {
    let crashes = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 400 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        async (calls, stream) => {
          const disk = new MemoryDisk();
          await openStore(disk, "/run", 2);
          // The run directory itself is there: whoever made it synced it.
          await disk.syncFolder("/run");
          await disk.syncFolder("/");
          disk.callsLeft = calls;
          let committed = 0;
          try {
            const store = await openStore(disk, "/run", 2);
            for (const step of [1, 2, 2, 3, 4]) {
              await writeCheckpoint(store, step);
              committed = step;
            }
          } catch (error) {
            expect(error).toBeInstanceOf(Crashed);
            crashes += 1;
          }
          const after = disk.afterCrash(() => stream.next().value);
          const reports: BabelgradError[] = [];
          const checkpoint = await (await openStore(after, "/run", 2, reports)).newest();
          expect(reports).toEqual([]);
          const step = checkpoint?.manifest.step ?? 0;
          expect(step).toBeGreaterThanOrEqual(committed);
          expect(step).toBeLessThanOrEqual(committed + 1);
          if (checkpoint !== undefined)
            for (const vector of [0, 1, 2] as const) expect(await checkpoint.read(vector)).toEqual(vectorOf(step, vector));
        },
      ),
      { numRuns: 300 },
    );
    expect(crashes).toBeGreaterThan(100);
  });
});
