/**
 * The version of everything that travels between processes: control messages, peer headers, frames, state transfer.
 * Processes of unlike versions refuse each other. A test ties both numbers to `proto/control.proto`.
 */

export const protocolVersion = 1;

/** SHA-256 of `proto/control.proto`. */
export const schemaSha256 = "df4c1cf43f5e073e07929b48a74c52dbd87aa2dea3ffd4041053e9d1ee5d2d22";
