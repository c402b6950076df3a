/** The numeric class: what the bits depend on besides options and data, as one digest (docs: DESIGN, "numeric class"). */
import { digestOf, type Sha256 } from "../base/digest.ts";
import type { NumericClass } from "./trainer.ts";

export function numericClassOf(sha256: Sha256, fields: Omit<NumericClass, "digest">): NumericClass {
  const { probe, backend, device, tensorflow, threads, flags } = fields;
  return { digest: digestOf(sha256, ["babelgrad-numeric-class", probe, backend, device, tensorflow, threads, flags]), ...fields };
}
