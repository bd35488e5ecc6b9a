/** Keeps the newest state of something that is changed bit by bit: one request at a time, the last one wins. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { said } from "./client";
import { toast } from "./toasts";

export type Saved = "saved" | "saving" | "not saved";

class Saver<T> {
  send: (state: T) => Promise<unknown> = async () => undefined;
  private waiting: { state: T } | null = null;
  private busy = false;

  constructor(private readonly tell: (saved: Saved) => void) {}

  save(state: T): void {
    this.waiting = { state };
    if (!this.busy) void this.run();
  }

  /** Send what waits without waiting for what is under way: the page is being left. */
  readonly leave = (): void => {
    if (this.waiting === null) return;
    const { state } = this.waiting;
    this.waiting = null;
    void this.send(state).catch(() => undefined);
  };

  private async run(): Promise<void> {
    this.busy = true;
    this.tell("saving");
    let outcome: Saved = "saved";
    while (this.waiting !== null) {
      const { state } = this.waiting;
      this.waiting = null;
      try {
        await this.send(state);
        outcome = "saved";
      } catch (reason) {
        outcome = "not saved";
        toast(said(reason));
      }
    }
    this.busy = false;
    this.tell(outcome);
  }
}

/** Return how it stands, and what takes the next state. */
export function useSaving<T>(send: (state: T) => Promise<unknown>): [Saved, (state: T) => void] {
  const [saved, setSaved] = useState<Saved>("saved");
  const saver = useMemo(() => new Saver<T>(setSaved), []);
  saver.send = send;
  useEffect(() => {
    addEventListener("pagehide", saver.leave);
    return () => {
      removeEventListener("pagehide", saver.leave);
      saver.leave();
    };
  }, [saver]);
  return [saved, (state) => saver.save(state)];
}
