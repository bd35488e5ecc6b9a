/** Sends what waits: by WebSocket, by HTTP where that does not get through, by a last request when the page is left. */
import type { Rejection } from "./event";
import { size, type Entry, type Queue } from "./queue";
import { Stream, type Verdict } from "./stream";

export interface DeliveryOptions {
  url: string;
  key: string;
  /** Name and version of this SDK. */
  sdk: string;
  /** How many events do not wait for company, and how many milliseconds the others do. */
  flushAt: number;
  flushInterval: number;
  /** Events of a batch, and batches under way. */
  batchEvents: number;
  maxInFlight: number;
  via: "auto" | "websocket" | "http";
  /** Milliseconds that the server may leave something unanswered. */
  timeout: number;
  onRejected?: ((rejection: Rejection) => void) | undefined;
  onRefused?: ((code: string) => void) | undefined;
  /** Called before a batch is made. */
  beforeBatch(): void;
}

/** In milliseconds: the longest wait that a server may ask for at a time, and how long a connection idles. */
const MINUTE = 60_000;
/** Bytes that a browser sends for a page that is gone: 64 KiB for all its requests. */
const LAST_BYTES = 60_000;
/** A character has at most three bytes of UTF-8. */
const BYTES = 3;

/** The body of an answer by HTTP, if it is the gateway's. */
interface Answer {
  /** Events that are stored; absent where it says nothing of events. */
  accepted?: number;
  results?: Verdict[];
  code: string;
  message: string;
}

export class Delivery {
  private stream_: Stream | undefined;
  private readonly flying_ = new Map<string, Entry[]>();
  private batches_ = 0;
  private timer_ = 0;
  private idle_ = 0;
  // Times are of the clock that nobody sets.
  private wakeAt_ = Infinity;
  private failures_ = 0;
  private streamFailures_ = 0;
  /** Until when the server wants to hear nothing, and until when the last failure makes us wait. */
  private quietUntil_ = 0;
  private backoffUntil_ = 0;
  private httpUntil_ = 0;
  private posting_ = false;
  private isStopped_ = false;
  private isLeft_ = false;
  private longest_ = (1 << 20) / BYTES;
  private waiters_: (() => void)[] = [];

  constructor(
    private readonly options_: DeliveryOptions,
    private readonly queue_: Queue,
  ) {}

  /** Has what waits sent soon; at once if it is much, or `delay` is 0. */
  wake(delay?: number): void {
    if (this.isLeft_) {
      // Something new still goes; what failed is for the next page.
      if (delay === undefined) this.last_();
      return;
    }
    const { flushAt, flushInterval } = this.options_;
    delay ??= this.queue_.entries.length >= flushAt ? 0 : flushInterval;
    const at = Math.max(performance.now() + delay, this.quietUntil_, this.backoffUntil_);
    if (this.wakeAt_ <= at) return;
    this.wakeAt_ = at;
    clearTimeout(this.timer_);
    this.timer_ = setTimeout(() => {
      this.wakeAt_ = Infinity;
      this.pump_();
    }, at - performance.now());
  }

  /** Tries again at once, whatever pause the last failure made. */
  retry(): void {
    this.backoffUntil_ = 0;
    this.wakeAt_ = Infinity;
    this.wake(0);
  }

  /** Sends at once; gives whether everything was settled in time. */
  flush(timeout: number): Promise<boolean> {
    if (!this.queue_.entries.length) return Promise.resolve(true);
    this.wake(0);
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(false), timeout);
      this.waiters_.push(() => {
        clearTimeout(late);
        resolve(true);
      });
    });
  }

  /** The page is left: what comes from now on goes by last requests. */
  leave(): void {
    this.disconnect_();
    // What is on the wire may not get through any more.
    for (const entry of this.queue_.entries) entry.flying = false;
    this.isLeft_ = true;
    this.wake();
  }

  /** The page is there, or was taken out of the browser's store of left pages. */
  begin(): void {
    this.isLeft_ = false;
    this.retry();
  }

  /** Has the browser send what fits, though the page be gone; the record has everything, for the next page. */
  private last_(): void {
    if (!this.isStopped_ && performance.now() >= this.quietUntil_ && navigator.onLine) {
      this.options_.beforeBatch();
      const encoder = new TextEncoder();
      const batch = this.queue_.take(Infinity, LAST_BYTES, (json) => encoder.encode(json).length);
      if (batch.length) void this.post_(batch, true);
    }
    this.queue_.save();
  }

  private disconnect_(): void {
    this.stream_?.close();
    this.stream_ = undefined;
    for (const batch of this.flying_.values()) for (const entry of batch) entry.flying = false;
    this.flying_.clear();
  }

  private pump_(): void {
    const { stream_, options_, queue_ } = this;
    clearTimeout(this.idle_);
    const now = performance.now();
    if (!queue_.entries.length) {
      // A page that says nothing needs no connection, and without one the browser can keep it for "back".
      this.idle_ = setTimeout(() => this.flying_.size || this.disconnect_(), MINUTE);
      this.waiters_.splice(0).forEach((resolve) => resolve());
      return;
    }
    if (this.isStopped_ || this.isLeft_ || !navigator.onLine) return;
    if (now < Math.max(this.quietUntil_, this.backoffUntil_)) return this.wake(0);
    if (!stream_ && options_.via !== "websocket" && (options_.via === "http" || now < this.httpUntil_)) {
      if (this.posting_) return;
      const batch = this.next_();
      if (batch.length) void this.post_(batch);
    } else if (!stream_) {
      this.connect_();
    } else if (stream_.isOpen) {
      while (this.flying_.size < options_.maxInFlight) {
        const batch = this.next_();
        if (!batch.length) break;
        const id = String(++this.batches_);
        this.flying_.set(id, batch);
        stream_.send(body(batch, id));
      }
      stream_.expect(this.flying_.size > 0);
    }
  }

  private next_(): Entry[] {
    this.options_.beforeBatch();
    for (const entry of this.queue_.entries) {
      if (entry.flying || entry.json.length <= this.longest_) continue;
      this.queue_.drop("too_large", entry);
      this.wake(0);
    }
    return this.queue_.take(this.options_.batchEvents, this.longest_);
  }

  private connect_(): void {
    const { url, key, sdk, timeout } = this.options_;
    try {
      this.stream_ = new Stream(url, key, sdk, timeout, {
        welcome: (frameBytes) => {
          this.streamFailures_ = this.httpUntil_ = 0;
          this.longest_ = Math.min(this.longest_, frameBytes / BYTES - 999);
          this.pump_();
        },
        ack: (id, verdicts) => this.answered_(id, verdicts),
        giveUp: (id, code, message) => {
          const batch = this.flying_.get(id) ?? [];
          this.answered_(
            id,
            batch.map((_, index) => ({ index, result: "rejected", code, message })),
          );
        },
        slowDown: (milliseconds) => this.quiet_(milliseconds),
        gone: (code) => this.lost_(code),
      });
    } catch {
      // The page's policy forbids it.
      this.lost_(1006);
    }
  }

  private lost_(code: number): void {
    const wasOpen = this.stream_?.isOpen;
    this.disconnect_();
    if (code === 4401 || code === 4403) return this.stop_(code === 4401 ? "unauthorised" : "origin_refused");
    if (code === 1009) this.longest_ /= 2;
    if (code === 1012) return this.back_(Math.random() * 500);
    if (!wasOpen) {
      // Maybe WebSockets do not get through here: HTTP has a turn, a longer one each time.
      this.httpUntil_ = performance.now() + Math.min(5000 * 2 ** this.streamFailures_++, 10 * MINUTE);
    }
    this.fail_();
  }

  private answered_(id: string, verdicts: Verdict[]): void {
    const batch = this.flying_.get(id);
    if (!batch) return;
    this.flying_.delete(id);
    this.settle_(batch, verdicts);
    this.pump_();
  }

  private settle_(batch: Entry[], verdicts: Verdict[]): void {
    const kept = new Set<Entry>();
    for (const { index, result, code, message } of verdicts) {
      const entry = batch[index];
      if (!entry) continue;
      if (result === "retry") kept.add(entry);
      else {
        // Whatever it throws is the page's, and stops nothing here.
        queueMicrotask(() =>
          this.options_.onRejected?.({ event_id: entry.id, event: entry.name, code, message }),
        );
      }
    }
    this.queue_.settle(batch.filter((entry) => !kept.has(entry)));
    for (const entry of kept) entry.flying = false;
    if (kept.size) this.fail_();
    else this.failures_ = 0;
  }

  private async post_(batch: Entry[], keepalive = false): Promise<void> {
    const { url, key, timeout } = this.options_;
    this.posting_ = true;
    const abort = new AbortController();
    const late = setTimeout(() => abort.abort(), timeout);
    try {
      // A beacon could not carry the key, which has no other place than the header.
      const answer = await fetch(url + "/v1/batch", {
        method: "POST",
        headers: { Authorization: "Bearer " + key, "Content-Type": "application/json" },
        body: body(batch),
        credentials: "omit",
        signal: abort.signal,
        keepalive,
      });
      const said = (await answer.json().catch(() => ({}))) as Answer;
      // A stranger's yes, of a hotel's network for example, is none.
      if (answer.ok && said.accepted === undefined) throw 0;
      this.judge_(batch, answer, said);
    } catch {
      // No answer at all: maybe it is the server that is away, and a WebSocket is as good.
      this.httpUntil_ = 0;
      this.fail_();
    } finally {
      clearTimeout(late);
      this.posting_ = false;
      for (const entry of batch) entry.flying = false;
    }
    this.pump_();
  }

  private judge_(batch: Entry[], { ok, status, headers }: Response, said: Answer): void {
    if (status === 401 || status === 403) return this.stop_(said.code);
    if ([400, 413, 415].includes(status)) {
      // Something in it makes the server refuse the whole: halves, until it stands alone.
      if (batch.length > 1)
        this.longest_ = Math.max(...batch.map((entry) => entry.json.length), size(batch) / 2);
      else this.settle_(batch, [{ ...said, index: 0, result: "rejected" }]);
      return;
    }
    // A 503 may name what is stored all the same.
    if (said.accepted !== undefined) this.settle_(batch, said.results ?? []);
    if (!ok) {
      this.fail_();
      const seconds = Number(headers.get("Retry-After"));
      if (seconds) this.quiet_(seconds * 1000);
    }
  }

  private fail_(): void {
    // Between 0 and 1 s, doubling with each failure up to 30 s: so that many pages do not come back together.
    this.back_(Math.random() * Math.min(1000 * 2 ** this.failures_++, 30_000));
  }

  private back_(milliseconds: number): void {
    this.backoffUntil_ = performance.now() + milliseconds;
    this.wakeAt_ = Infinity;
    this.wake(0);
  }

  private quiet_(milliseconds: number): void {
    this.quietUntil_ = performance.now() + Math.min(milliseconds, MINUTE);
    this.wakeAt_ = Infinity;
    this.wake(0);
  }

  private stop_(code: string): void {
    this.isStopped_ = true;
    queueMicrotask(() => this.options_.onRefused?.(code));
  }
}

function body(batch: Entry[], id?: string): string {
  const sent_at = new Date().toISOString();
  const head = JSON.stringify(id ? { type: "batch", id, sent_at } : { sent_at });
  return `${head.slice(0, -1)},"events":[${batch.map((entry) => entry.json).join()}]}`;
}
