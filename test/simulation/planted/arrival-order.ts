/** An owner adds the parts of a block as they arrive, not in tree order. */
import { production } from "../simulate.ts";
import type { Machines } from "../world.ts";

export const arrivalOrder: Machines = { ...production, fold: (_, parts, add) => [...parts.values()].reduce(add) };
