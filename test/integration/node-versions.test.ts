/**
 * The small path on every Node that is supported: set-up, doctor, prepared data, a training with two workers. The
 * TensorFlow addon speaks node-api, so the one that set-up built under this Node serves the others, and the data and the
 * weights are the same to the last bit.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { BabelgradProcess, runFolder } from "./babelgrad-process.ts";
import { newerNodes, nodeBinary } from "./node-binaries.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const started: BabelgradProcess[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.kill();
});

function babelgrad(node: string, ...args: readonly string[]): BabelgradProcess {
  const one = new BabelgradProcess(args, {}, [node]);
  started.push(one);
  return one;
}

/** What must not depend on Node: the digest of the prepared data and that of the trained weights. */
async function smallPath(node: string) {
  const { folder, config } = runFolder();
  const data = join(folder, "data");
  const flags = ["--documents", "paragraph", "--vocabulary", "300", "--split", "id"];
  const prepared = await babelgrad(node, "data", "prepare", "udhr:en=60+fr=60", ...flags, "--out", data).summary();
  expect(prepared).toMatchObject({ event: "finished", languages: 2 });
  const sets = ["steps=6", "checkpoint.every=6", "validate.every=6", "data.inputs=", `data.dir=${data}`].flatMap((setting) => [
    "--set",
    setting,
  ]);
  const run = babelgrad(node, "train", config, "--out", join(folder, "run"), "--workers", "2", ...sets);
  const trained = await run.summary();
  expect(run.errorOutput).toBe("");
  expect(trained).toMatchObject({ event: "finished", step: 6 });
  return { manifestSha256: prepared["manifestSha256"], weightsSha256: trained["weightsSha256"], validationLoss: trained["validationLoss"] };
}

let here: Awaited<ReturnType<typeof smallPath>> | undefined;

test.each(newerNodes)("Node %s: set-up has nothing to do, and data and weights are those of this Node", async (version) => {
  const node = nodeBinary(version);
  expect(execFileSync(node, ["--version"], { encoding: "utf8" })).toBe(`v${version}\n`);
  expect(execFileSync(node, [join(root, "scripts", "setup.mjs")], { encoding: "utf8" })).toBe("set-up    nothing to do\n");

  const doctor = babelgrad(node, "doctor");
  expect(await doctor.until(({ name }) => name === "node")).toMatchObject({ status: "ok", found: `v${version}` });
  expect(await doctor.until(({ name }) => name === "tensorflow")).toMatchObject({ status: "ok" });

  here ??= await smallPath(process.execPath);
  expect(here).toEqual({
    manifestSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    weightsSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    validationLoss: expect.any(Number),
  });
  expect(await smallPath(node)).toEqual(here);
});
