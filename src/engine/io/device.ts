/** The name of what computes, as far as its bits may depend on it: the processor's model and its vector instructions, or the GPU's. */
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

const vectorInstructions = /^(avx|avx2|fma|avx512\w*|avx_vnni|amx_\w+|sve\w*|asimd\w*)$/;

export function deviceName(isGpu: boolean): string {
  const gpu = isGpu ? gpuModel() : undefined;
  if (gpu !== undefined) return gpu;
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readIfThere("/proc/cpuinfo"))?.[1] ?? "";
  const vector = flags.split(" ").filter((flag) => vectorInstructions.test(flag));
  return [cpus()[0]?.model.trim() ?? "unknown processor", ...vector].join(" ");
}

function gpuModel(): string | undefined {
  const folder = "/proc/driver/nvidia/gpus";
  try {
    return readdirSync(folder)
      .map((gpu) => /^Model:\s*(.*)$/m.exec(readIfThere(`${folder}/${gpu}/information`))?.[1]?.trim())
      .find((model) => model !== undefined);
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
