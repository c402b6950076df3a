/**
 * Heartbeats of one end of a connection. Silence is counted in beats of our own and not by the clock, so that a pause
 * of this process is not taken for silence of the other.
 */

export interface KeepAlive {
  /** Something came from the other end. */
  heard(): void;
  stop(): void;
}

export function keepAlive(options: {
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  readonly beat: () => void;
  /** Nothing was heard for `timeoutMs`; called once. Undefined: silence is somebody else's business. */
  readonly lost: (() => void) | undefined;
}): KeepAlive {
  let silentMs = 0;
  const timer = setInterval(() => {
    silentMs += options.heartbeatMs;
    if (options.lost !== undefined && silentMs > options.timeoutMs) {
      clearInterval(timer);
      options.lost();
    } else options.beat();
  }, options.heartbeatMs);
  return {
    heard() {
      silentMs = 0;
    },
    stop() {
      clearInterval(timer);
    },
  };
}
