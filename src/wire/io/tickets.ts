/**
 * Tickets: HMAC-SHA256 with a secret of this life of the coordinator over what the ticket is for. A worker cannot
 * make one, and one seen on the wire opens nothing in the next generation.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Generation, WorkerId } from "../../base/ids.ts";
import type { Ticket } from "../handshake.ts";
import type { Position } from "../messages.ts";

/** What `from` shows `to` when they open their link. */
export function linkTicket(secret: Uint8Array, from: WorkerId, to: WorkerId, generation: Generation): Ticket {
  return sign(secret, ["link", from, to, generation.term, generation.count]);
}

/** What `receiver` shows `donor` to get its state at a position. */
export function stateTicket(secret: Uint8Array, donor: WorkerId, receiver: WorkerId, position: Position): Ticket {
  return sign(secret, ["state", donor, receiver, position.step, position.lineage]);
}

/** Whether two secrets are equal, in a time that does not tell where they differ. */
export function sameSecret(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** Ids may not contain the separator: `isWorkerId` sees to that. */
function sign(secret: Uint8Array, parts: readonly (string | number)[]): Ticket {
  return createHmac("sha256", secret).update(parts.join("|")).digest("hex");
}

/** Ids travel in HTTP headers and tickets: letters, digits, dot, dash and underscore, at most 64. */
export function isWorkerId(text: string): boolean {
  return /^[\w.-]{1,64}$/.test(text);
}
