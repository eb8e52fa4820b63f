// Fault 1: sends that are not awaited are dropped. One promise chain per socket delivers every message, in order.

/** The part of a ZeroMQ socket that is needed here. */
export interface Sender {
  send(frames: Buffer[]): Promise<void>
}

/** Sends messages one after the other. A failed send does not stop those behind it. */
export class SendQueue {
  private tail: Promise<void> = Promise.resolve()

  constructor(private readonly socket: Sender, private readonly onError: (error: unknown) => void) {}

  push(frames: Buffer[]): void {
    this.tail = this.tail.then(() => this.socket.send(frames)).catch((error: unknown) => this.onError(error))
  }

  /** Resolves when everything pushed so far has been handed to ZeroMQ. */
  drained(): Promise<void> {
    return this.tail
  }
}
