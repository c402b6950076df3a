/** A new run in its directory. */
import { randomBytes } from "node:crypto";
import { digestOf } from "../../base/digest.ts";
import type { Digest, RunId } from "../../base/ids.ts";
import { sha256 } from "../../base/io/sha256.ts";
import type { Config } from "../../config/options.ts";
import { renderConfig } from "../../config/render.ts";
import { resultFields } from "../../config/result-options.ts";
import type { Fork } from "../run-identity.ts";
import type { RunDirectory } from "./run-directory.ts";

/** `manifest` is the hash of the data's manifest. */
export async function makeRun(directory: RunDirectory, config: Config, manifest: Digest, forkedFrom?: Fork): Promise<void> {
  const run = `run-${randomBytes(6).toString("hex")}` as RunId; // proof: this is where run ids are made
  const fork = forkedFrom === undefined ? {} : { forkedFrom };
  const resultOptions = digestOf(sha256, resultFields(config));
  await directory.create({ version: 1, run, resultOptions, manifest, ...fork }, renderConfig(config));
}
