/** Events of a socket test, in order: a test waits for an event, never for a time. */
export class Inbox<Event extends { readonly kind: string }> {
  readonly #all: Event[] = [];
  readonly #unread: Event[] = [];
  #arrived = (): void => {};

  put(event: Event): void {
    this.#all.push(event);
    this.#unread.push(event);
    this.#arrived();
  }

  seen(kind: Event["kind"]): boolean {
    return this.#all.some((event) => event.kind === kind);
  }

  /** The next unread event of this kind, now or when it comes. */
  async take<Kind extends Event["kind"]>(kind: Kind): Promise<Extract<Event, { kind: Kind }>> {
    for (;;) {
      const at = this.#unread.findIndex((event) => event.kind === kind);
      // The kind was just compared.
      if (at >= 0) return this.#unread.splice(at, 1)[0] as Extract<Event, { kind: Kind }>;
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
  }
}
