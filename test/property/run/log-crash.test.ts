import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RunLog } from "../../../src/coordinator/io/run-log.ts";
import type { RunRecord } from "../../../src/coordinator/run-records.ts";
import { Crashed, MemoryDisk } from "../../contract/checkpoint/memory-disk.ts";
import { run, stepRecord } from "../../unit/run/sample-records.ts";

describe("a machine that goes down at any moment, again and again, while a log is written", () => {
  it("every record that was said to be safe is there, in order, and at most one more", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 900 }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        async (lives, writeMax, stream) => {
          let disk = new MemoryDisk();
          const { log } = await RunLog.open(disk, "/log", run, () => undefined);
          await log.close();
          await disk.syncFolder("/");
          let safe = 0;
          for (const calls of lives) {
            disk.callsLeft = calls;
            disk.writeMax = writeMax;
            const records: RunRecord[] = [];
            try {
              const opened = await RunLog.open(disk, "/log", run, (record) => records.push(record));
              for (safe = records.length; ; safe++) await opened.log.append(stepRecord(safe));
            } catch (error) {
              expect(error).toBeInstanceOf(Crashed);
            }
            disk = disk.afterCrash(() => stream.next().value);
            const found: RunRecord[] = [];
            await RunLog.open(disk, "/log", run, (record) => found.push(record));
            expect(found.length).toBeGreaterThanOrEqual(safe);
            expect(found.length).toBeLessThanOrEqual(safe + 1);
            expect(found).toEqual(found.map((_, step) => stepRecord(step)));
            safe = found.length;
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
