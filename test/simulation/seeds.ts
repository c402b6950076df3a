/** The seeds that guard every commit. More are for test/simulation/swarm.mjs. */
export const seedsInTests: readonly number[] = Array.from({ length: 200 }, (_, i) => i + 1);
