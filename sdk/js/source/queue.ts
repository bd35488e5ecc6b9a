/**
 * What waits for the server: in memory and, for the next page, in local storage.
 *
 * Each tab has a record of its own, so that no two ever write the same one. A tab holds a lock for as long as
 * it lives; the record of a tab whose lock is free is taken over by another. Should that go wrong, an event is
 * sent by two tabs, and counts once all the same by its id.
 */
import { newId } from "./event";
import { names, read, remove, write } from "./storage";

export interface Entry {
  id: string;
  name: string;
  json: string;
  /** It was on the wire once: the server may have it. */
  sent?: boolean;
  /** It is on the wire. */
  flying?: boolean;
}

export type DropReason = "queue_full" | "too_large" | "before_send" | "invalid" | "damaged" | "uncertain";

interface Stored {
  /** When it was written, in milliseconds since 1970. */
  at: number;
  drops: Partial<Record<DropReason, number>>;
  sent: Entry[];
  waiting: Entry[];
}

export const REPORT = "$events_dropped";

/** Characters of all events together. */
const LONGEST = 1 << 20;
/** The server knows a repeat for seven days at least. */
const CERTAIN = 6 * 86_400_000;
/** Without locks, a record that nobody wrote for so long is nobody's. */
const ABANDONED = 60_000;

/** Counts the characters of events. */
export function size(entries: Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.json.length, 0);
}

export class Queue {
  entries: Entry[] = [];
  drops: Stored["drops"] = {};
  private readonly name_: string;
  private isDirty_ = false;
  private letGo_: (() => void) | undefined;

  /**
   * @param prefix_ of the records of all tabs
   * @param limit_ most events that wait
   */
  constructor(
    private readonly prefix_: string,
    private readonly limit_: number,
  ) {
    this.name_ = prefix_ + newId();
  }

  /** Adds events; the oldest that are not on the wire make room for them. */
  add(...added: Entry[]): void {
    this.entries.push(...added);
    // Their ids begin with the time.
    this.entries.sort((one, other) => (one.id < other.id ? -1 : 1));
    for (;;) {
      const events = this.entries.filter((entry) => entry.name !== REPORT);
      if (events.length <= this.limit_ && size(events) <= LONGEST) break;
      const oldest = events.find((entry) => !entry.flying);
      if (!oldest) break;
      this.drop(oldest.sent ? "uncertain" : "queue_full", oldest);
    }
    this.touch();
  }

  /** Counts an event that was thrown away, and forgets it if it was here. */
  drop(reason: DropReason, entry?: Entry): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
    if (entry) this.settle([entry]);
    this.touch();
  }

  /** Forgets events that the server has, or never will. */
  settle(done: Entry[]): void {
    const gone = new Set(done);
    this.entries = this.entries.filter((entry) => !gone.has(entry));
    this.touch();
  }

  /** Forgets everything, also what closed tabs left behind. */
  clear(): void {
    names(this.prefix_).forEach(remove);
    this.drops = {};
    this.settle(this.entries);
  }

  /** Takes the next events that are not on the wire, up to a number of them and of characters, or of what `measure` says. */
  take(events: number, longest: number, measure = (json: string): number => json.length): Entry[] {
    const batch: Entry[] = [];
    for (const entry of this.entries) {
      if (entry.flying) continue;
      longest -= measure(entry.json) + 1;
      if (batch.length === events || (longest < 0 && batch.length)) break;
      batch.push(entry);
    }
    for (const entry of batch) entry.sent = entry.flying = true;
    if (batch.length) this.touch();
    return batch;
  }

  /** Writes the record at the end of this turn of the event loop. */
  touch(): void {
    if (this.isDirty_) return;
    this.isDirty_ = true;
    queueMicrotask(() => this.save());
  }

  /** Writes the record now. */
  save(): void {
    this.isDirty_ = false;
    if (!this.entries.length && !Object.keys(this.drops).length) return remove(this.name_);
    const plain = ({ id, name, json }: Entry): Entry => ({ id, name, json });
    const record: Stored = {
      at: Date.now(),
      drops: this.drops,
      sent: this.entries.filter((entry) => entry.sent).map(plain),
      waiting: this.entries.filter((entry) => !entry.sent).map(plain),
    };
    write(this.name_, JSON.stringify(record));
  }

  /** Says to the other tabs that this one lives. */
  hold(): void {
    navigator.locks
      ?.request(this.name_, () => new Promise<void>((resolve) => (this.letGo_ = resolve)))
      // Denied: then nobody else sees the record either, or events go twice and count once.
      .catch(() => undefined);
  }

  /** Leaves the record to others. */
  release(): void {
    this.letGo_?.();
    this.letGo_ = undefined;
  }

  /** Takes over the records of tabs that are gone; calls back when there were any. */
  adopt(found: () => void): void {
    for (const name of names(this.prefix_)) {
      if (name === this.name_) continue;
      const take = (isSure: boolean): void => {
        if (this.takeOver_(name, isSure)) found();
      };
      if (!navigator.locks) take(false);
      else void navigator.locks.request(name, { ifAvailable: true }, (lock) => lock && take(true));
    }
  }

  private takeOver_(name: string, isSure: boolean): boolean {
    const text = read(name);
    if (!text) return false;
    try {
      const { at, drops, sent, waiting } = JSON.parse(text) as Stored;
      const age = Date.now() - at;
      if (!isSure && age < ABANDONED) return false;
      for (const reason of Object.keys(drops) as DropReason[]) {
        this.drops[reason] = (this.drops[reason] ?? 0) + drops[reason]!;
      }
      // What was on the wire when its page was left might count twice, sent again so late.
      if (age < CERTAIN) waiting.push(...sent.map((entry) => ({ ...entry, sent: true })));
      else sent.forEach(() => this.drop("uncertain"));
      this.add(...waiting);
    } catch {
      this.drop("damaged");
    }
    // What nobody else has is written before the other record goes.
    this.save();
    remove(name);
    return true;
  }
}
