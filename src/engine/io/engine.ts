/** What a compute thread computes with: loaded when the thread starts, opened once. */
import type { Compute } from "../compute.ts";
import type { NumericClass } from "../trainer.ts";

export interface Engine {
  readonly compute: Compute;
  /** What the numeric class says besides the probe. */
  readonly about: Omit<NumericClass, "digest" | "probe">;
  /** Tensors that are held for us: constant between calls, or something leaks. */
  tensorCount(): number;
  /** Carries out one float32 matrix product of side × side; milliseconds that it took. */
  timeProduct(side: number): number;
  close(): void;
}

export interface LoadedEngine {
  /** `graph` is the recorded step (saved_model.pb), for engines that need one. Fails with `no-tensorflow` or when the graph is refused. */
  open(graph: Uint8Array | undefined): Engine;
  /** For a thread that ends without having opened it. */
  close(): void;
}
