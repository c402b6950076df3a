/** The store takes a checkpoint for the newest when it begins to come in. */
import { production } from "../simulate.ts";
import type { Machines } from "../world.ts";

export const checkpointUnverified: Machines = { ...production, storesUnverified: true };
