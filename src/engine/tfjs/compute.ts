/** A trainer's work on the session of its recorded step: synchronous, and all of it on one thread. */
import type { Config } from "../../config/options.ts";
import type { Compute } from "../compute.ts";
import { leafSeed } from "../leaf-seed.ts";
import type { Arithmetic } from "../simd.ts";
import type { Feed, Session } from "./session.ts";

export function createCompute(session: Session, arithmetic: Arithmetic, config: Config): Compute {
  const S = config["step.sequences"];
  const C = config["model.context"];
  const scalar = (name: string, value: number): Feed => ({ name, shape: [], values: Float32Array.of(value) });
  const names = ["weights", "moment1", "moment2"] as const;
  return {
    load(state) {
      for (const name of names) {
        const values = state[name];
        if (values.length > 0) session.run([{ name: `new_${name}`, shape: [values.length], values }], `load_${name}`);
      }
    },

    save(state) {
      for (const name of names) {
        const values = state[name];
        if (values.length > 0) session.run([{ name: `${name}_out`, shape: [1, values.length], values }], `save_${name}`);
      }
    },

    leaf(batch, gradient) {
      const feeds: Feed[] = [
        { name: "tokens", shape: [S, C], values: batch.tokens },
        { name: "targets", shape: [S, C], values: batch.targets },
        { name: "gradient_out", shape: [1, gradient.length], values: gradient },
      ];
      if (config["model.dropout"] > 0)
        feeds.push({ name: "seed", shape: [2], values: leafSeed(config.seed, config["step.leaves"], batch.step, batch.leaf) });
      const losses = session.run(feeds, "losses");
      arithmetic.flushSubnormals(gradient);
      return losses;
    },

    add: (out, left, right) => arithmetic.addInto(out, left, right),

    apply(average, { rate, beta1Power, beta2Power, clipScale }) {
      const feeds: Feed[] = [{ name: "average", shape: [average.length], values: average }, scalar("rate", rate)];
      if (config["optimizer.kind"] === "adamw") feeds.push(scalar("beta1_power", beta1Power), scalar("beta2_power", beta2Power));
      if (clipScale === 1) session.run(feeds, "update");
      else session.run([...feeds, scalar("clip_scale", clipScale)], "update_clipped");
    },

    evaluate: (batch) =>
      session.run(
        [
          { name: "evaluate_tokens", shape: [S, C], values: batch.tokens },
          { name: "evaluate_targets", shape: [S, C], values: batch.targets },
        ],
        "evaluate_losses",
      ),

    decode(token, position) {
      if (position === 0) session.run([], "decode_begin");
      return session.run(
        [
          { name: "decode_token", shape: [1], values: Int32Array.of(token) },
          { name: "decode_position", shape: [1], values: Int32Array.of(position) },
        ],
        "decode_logits",
      );
    },
  };
}
