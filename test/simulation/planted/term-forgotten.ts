/** A coordinator that starts again does not write a new term. */
import { production } from "../simulate.ts";
import type { Machines } from "../world.ts";

export const termForgotten: Machines = { ...production, nextTerm: () => 1 };
