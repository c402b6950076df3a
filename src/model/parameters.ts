/** The parameters of each model: names, shapes and how they begin. Needs no TensorFlow, so a checkpoint can be read anywhere. */
import type { ModelConfig } from "../config/options.ts";
import { type Layout, layoutOf, type ParameterSpec } from "./layout.ts";

/** L layers, D width, C context, V vocabulary. */
export function modelLayout(config: ModelConfig, vocabulary: number): Layout {
  return layoutOf(config["model.kind"] === "transformer" ? transformerSpecs(config, vocabulary) : lstmSpecs(config, vocabulary));
}

/**
 * GPT-2's 0.02 at its width of 768; narrower models begin wider, by the root of the ratio, so that products keep their
 * variance. Those that end in the residual stream begin smaller, by the root of how many they are.
 */
const deviationAt = (width: number): number => 0.02 * Math.sqrt(768 / width);

function transformerSpecs(config: ModelConfig, V: number): ParameterSpec[] {
  const { "model.layers": L, "model.width": D, "model.context": C, "model.bias": hasBias } = config;
  const deviation = deviationAt(D);
  const specs: ParameterSpec[] = [];
  const bias = (name: string, size: number): void => {
    if (hasBias) specs.push({ name: `${name}/bias`, shape: [size], beginning: { value: 0 } });
  };
  const dense = (name: string, from: number, to: number, spread = deviation): void => {
    specs.push({ name: `${name}/weight`, shape: [from, to], beginning: { deviation: spread } });
    bias(name, to);
  };
  const norm = (name: string): void => {
    specs.push({ name: `${name}/gain`, shape: [D], beginning: { value: 1 } });
    bias(name, D);
  };
  specs.push({ name: "token", shape: [V, D], beginning: { deviation } }, { name: "position", shape: [C, D], beginning: { deviation } });
  for (let l = 0; l < L; l++) {
    const residual = deviation / Math.sqrt(2 * L);
    norm(`layer${l}/norm1`);
    dense(`layer${l}/qkv`, D, 3 * D);
    dense(`layer${l}/mix`, D, D, residual);
    norm(`layer${l}/norm2`);
    dense(`layer${l}/up`, D, 4 * D);
    dense(`layer${l}/down`, 4 * D, D, residual);
  }
  norm("norm");
  if (!config["model.tied"]) specs.push({ name: "output", shape: [D, V], beginning: { deviation } });
  return specs;
}

function lstmSpecs(config: ModelConfig, V: number): ParameterSpec[] {
  const { "model.layers": L, "model.width": D } = config;
  const deviation = 1 / Math.sqrt(3 * D); // that of PyTorch's uniform distribution over ±1/√D
  const specs: ParameterSpec[] = [{ name: "token", shape: [V, D], beginning: { deviation: 0.1 } }];
  for (let l = 0; l < L; l++) {
    specs.push(
      { name: `layer${l}/input/weight`, shape: [D, 4 * D], beginning: { deviation } },
      { name: `layer${l}/hidden/weight`, shape: [D, 4 * D], beginning: { deviation } },
      // A forget gate that begins open lets gradients reach far back (Jozefowicz et al., 2015).
      {
        name: `layer${l}/bias`,
        shape: [4 * D],
        beginning: { values: Array.from({ length: 4 * D }, (_, i) => (i >= D && i < 2 * D ? 1 : 0)) },
      },
    );
  }
  if (!config["model.tied"]) specs.push({ name: "output/weight", shape: [D, V], beginning: { deviation } });
  specs.push({ name: "output/bias", shape: [V], beginning: { value: 0 } });
  return specs;
}
