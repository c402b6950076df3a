/**
 * The mixture's budget and the schedule's horizon default from `steps` once, when the run is made. Later the run's own
 * values hold, so that more steps is not another run.
 */
import type { Config } from "./options.ts";

/** The configuration with budget and horizon fixed: as given, else the run's when there is one, else from `steps`. */
export function fixHorizon(config: Config, run?: Config): Config {
  const sequences = config.steps * config["step.leaves"] * config["step.sequences"];
  return {
    ...config,
    "mixture.budget": config["mixture.budget"] || run?.["mixture.budget"] || sequences,
    "optimizer.horizon": config["optimizer.horizon"] || run?.["optimizer.horizon"] || Math.max(config.steps, config["optimizer.warmup"]),
  };
}
