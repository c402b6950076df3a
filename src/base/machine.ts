/**
 * The shape of every decision maker: an event goes in, a list of effects comes out, nothing else happens.
 * Machines read no clock, open no socket and hold no tensor, so a simulator can run the ones that production runs.
 */

/** Milliseconds of a monotonic clock that the shell hands in. */
export type Millis = number;

export interface Machine<Event, Effect> {
  /** Takes one event at time `now` and returns what has to be done, in order. */
  step(now: Millis, event: Event): readonly Effect[];
  /** When the machine wants a `timeArrived` event at the latest; undefined: never. */
  readonly wakeAt: Millis | undefined;
}
