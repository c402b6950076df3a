/**
 * The version of everything that travels between processes: control messages, peer headers, frames, state transfer.
 * Processes of unlike versions refuse each other. A test ties both numbers to `proto/control.proto`.
 */

export const protocolVersion = 2;

/** SHA-256 of `proto/control.proto`. */
export const schemaSha256 = "0ecedcb9cca37f46ed4859bff630e71886cb5c1ca516f17371c9c89d0c18fa7c";
