/** SHA-256 by Node, for whoever needs the port. */
import { createHash } from "node:crypto";
import type { Sha256 } from "../../base/digest.ts";
import type { Digest } from "../../base/ids.ts";

export const sha256: Sha256 = (chunks) => {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex") as Digest; // proof: 64 lower-case hexadecimal digits
};
