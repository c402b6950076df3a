/**
 * What a worker and the coordinator say before the messages of `messages.ts`, and what the coordinator's server adds
 * to those: where other members are reached, and the tickets that open their doors.
 */
import type { RunId, WorkerId } from "../base/ids.ts";
import type { CoordinatorMessage, Plan, WorkerMessage } from "./messages.ts";

/** 32 bytes as hexadecimal digits; made by the coordinator, opens one door for one purpose. */
export type Ticket = string;

/** First message of a worker on every connection. */
export interface Hello {
  readonly kind: "hello";
  readonly protocolVersion: number;
  readonly schemaSha256: string;
  readonly worker: WorkerId;
  /** Where other workers reach it: host:port. */
  readonly peerAddress: string;
  readonly softwareVersion: string;
}

/** What run this is. `config`, `manifest` and `start` are JSON that the mains agree on. */
export interface Welcome {
  readonly kind: "welcome";
  readonly term: number;
  readonly runId: RunId;
  readonly config: string;
  readonly manifest: string;
  readonly start: string;
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
}

/** Not this worker, not here: it gives up. `code` is one of the errors table. */
export interface Refused {
  readonly kind: "refused";
  readonly code: string;
  readonly message: string;
  readonly todo: string;
}

/** The worker's engine is open; its numeric class as JSON. */
export interface Classified {
  readonly kind: "classified";
  readonly numericClass: string;
}

export interface Admitted {
  readonly kind: "admitted";
}

/** How to reach a member: the lower id dials, presents a ticket, and expects one in answer. */
export interface Route {
  readonly peer: WorkerId;
  readonly address: string;
  readonly present: Ticket;
  readonly expect: Ticket;
}

/** Where a state is fetched from. */
export interface StateRoute {
  readonly address: string;
  readonly ticket: Ticket;
}

type Load = Extract<CoordinatorMessage, { kind: "load" }>;
type Serve = Extract<CoordinatorMessage, { kind: "serve" }>;

/** A coordinator message as a worker gets it: plans carry routes, transfers carry addresses and tickets. */
export type RoutedMessage =
  | Exclude<CoordinatorMessage, { kind: "plan" | "load" | "serve" }>
  | ({ readonly kind: "plan"; readonly routes: readonly Route[] } & Plan)
  /** `source` is undefined when the coordinator is the donor, or when the donor is gone. */
  | (Load & { readonly source: StateRoute | undefined })
  /** The ticket that the receiver will present; undefined when that is the coordinator. */
  | (Serve & { readonly ticket: Ticket | undefined });

export type ToCoordinator = Hello | Classified | WorkerMessage;
export type ToWorker = Welcome | Refused | Admitted | RoutedMessage;
