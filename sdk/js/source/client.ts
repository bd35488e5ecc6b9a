/** What a page calls. */
import { Delivery, type DeliveryOptions } from "./delivery";
import { newId, type Properties, type SmolhogEvent } from "./event";
import {
  endSession,
  loadVisitor,
  newVisitor,
  saveVisitor,
  touchSession,
  type SessionRules,
  type Visitor,
} from "./identity";
import { watchPages } from "./pages";
import { Queue, REPORT } from "./queue";

declare const VERSION: string;

/** What `init` takes; only `url` and `key` have to be there. */
export interface Options
  extends Partial<Omit<DeliveryOptions, "sdk" | "beforeBatch">>, Partial<SessionRules> {
  /** Address of the gateway, `https://events.example.com` for example. */
  url: string;
  /** A write key, `sh_w_…`. */
  key: string;
  /** Whether page views are tracked by themselves. */
  pageViews?: boolean;
  /** Whether a new visitor has to opt in first. */
  optedOut?: boolean;
  /** Most events that wait for the server. */
  queueEvents?: number;
  /** Sees each event last: gives it back, changed or not, or `null` to drop it. */
  beforeSend?: (event: SmolhogEvent) => SmolhogEvent | null;
}

const DEFAULTS = {
  flushAt: 50,
  flushInterval: 1000,
  batchEvents: 200,
  maxInFlight: 4,
  via: "auto" as DeliveryOptions["via"],
  timeout: 30_000,
  sessionIdle: 30 * 60_000,
  sessionLongest: 24 * 3_600_000,
  pageViews: true,
  optedOut: false,
  queueEvents: 1000,
};

/** Time between two looks for what closed tabs left behind, in milliseconds. */
const ADOPTION = 30_000;
/** Least time between two reports of what was thrown away. */
const REPORTS = 10_000;
/** Characters that an id may have. */
const LONGEST_ID = 200;

export class Smolhog {
  private options_!: typeof DEFAULTS & Options;
  private name_ = "";
  private reportedAt_ = 0;
  private queue_!: Queue;
  private delivery_: Delivery | undefined;

  /** Begins. Before it nothing is tracked; a second call changes nothing. */
  init(options: Options): void {
    if (this.delivery_) return;
    this.options_ = { ...DEFAULTS, ...options };
    this.options_.url = options.url.replace(/\/+$/, "");
    this.name_ = "smolhog." + options.key.slice(-8);
    this.queue_ = new Queue(this.name_ + ".", this.options_.queueEvents);
    this.delivery_ = new Delivery(
      { ...this.options_, sdk: "smolhog-js/" + VERSION, beforeBatch: () => this.report_() },
      this.queue_,
    );
    // Remembered before anything else, so that tabs that are opened together know each other's.
    const visitor = this.visitor_();
    if (visitor) this.save_(visitor);
    this.live_();
    if (this.options_.pageViews) watchPages((referrer) => this.page({ $referrer: referrer }));
  }

  /** Says that something happened; gives the event's id, or `null` if it was not taken. */
  track(event: string, properties: Properties = {}): string | null {
    const visitor = this.visitor_();
    return visitor && this.record_(visitor, event, properties);
  }

  /** `$pageview`. Called by itself, unless `pageViews` is false. */
  page(properties: Properties = {}): string | null {
    return this.track("$pageview", { $referrer: document.referrer, $title: document.title, ...properties });
  }

  /**
   * Says who visits from now on: `$identify`. What was done anonymously before becomes this user's.
   * Another user without `reset` begins a new anonymous id, so that two users never become one.
   */
  identify(user: string, set?: Properties, setOnce?: Properties): string | null {
    let visitor = this.visitor_();
    if (!visitor || !user || user.length > LONGEST_ID) return null;
    const earlier = visitor.user;
    if (earlier && earlier !== user) {
      visitor = newVisitor(visitor);
      endSession(this.name_);
    }
    visitor.user = user;
    this.save_(visitor);
    return this.record_(visitor, "$identify", {
      ...(!earlier && { $anon_distinct_id: visitor.anonymous }),
      ...(set && { $set: set }),
      ...(setOnce && { $set_once: setOnce }),
    });
  }

  /** Says that `alias` is another id of the visitor: `$create_alias`. */
  alias(alias: string): string | null {
    return this.track("$create_alias", { alias });
  }

  /** Says that the visitor belongs to a group: `$groupidentify`. Later events carry it in `$groups`. */
  group(type: string, key: string, set?: Properties): string | null {
    const visitor = this.visitor_();
    if (!visitor) return null;
    visitor.groups[type] = key;
    this.save_(visitor);
    return this.record_(visitor, "$groupidentify", {
      $group_type: type,
      $group_key: key,
      ...(set && { $group_set: set }),
    });
  }

  /** Sends these with every later event, remembered; `undefined` takes one back. */
  setSuperProperties(properties: Properties): void {
    const visitor = this.visitor_();
    if (!visitor) return;
    Object.assign(visitor.properties, properties);
    try {
      this.save_(visitor);
    } catch (error) {
      console.warn("smolhog: super properties have no JSON form", error);
    }
  }

  /** Somebody signed out: a new anonymous id, no super properties and groups, a new session. */
  reset(): void {
    const visitor = this.visitor_();
    if (!visitor) return;
    endSession(this.name_);
    this.save_(newVisitor(visitor));
  }

  /** Sends at once; gives whether everything was settled within so many milliseconds. */
  flush(timeout = 10_000): Promise<boolean> {
    return this.delivery_?.flush(timeout) ?? Promise.resolve(true);
  }

  /** Tracks nothing from now on and forgets what waits and who visited; remembered. */
  optOut(): void {
    if (!this.delivery_) return;
    this.queue_.clear();
    endSession(this.name_);
    this.save_({ ...newVisitor(), out: true });
    this.delivery_.wake(0);
  }

  /** Takes `optOut` back; remembered. */
  optIn(): void {
    if (this.delivery_) this.save_({ ...loadVisitor(this.name_), out: false });
  }

  /** Who visits: the user's id, or the anonymous one before `identify`. */
  get distinctId(): string | null {
    const visitor = this.visitor_();
    return visitor && (visitor.user ?? visitor.anonymous);
  }

  /** Returns who visits; `null` before `init`, and if nothing may be tracked. */
  private visitor_(): Visitor | null {
    if (!this.delivery_) return null;
    const visitor = loadVisitor(this.name_);
    return (visitor.out ?? this.options_.optedOut) ? null : visitor;
  }

  private save_(visitor: Visitor): void {
    saveVisitor(this.name_, visitor);
  }

  private record_(visitor: Visitor, name: string, properties: Properties, isReport = false): string | null {
    const { beforeSend } = this.options_;
    const session_id = touchSession(this.name_, this.options_);
    let event: SmolhogEvent | null = {
      event_id: newId(),
      event: name,
      distinct_id: visitor.user ?? visitor.anonymous,
      timestamp: new Date().toISOString(),
      session_id,
      properties: {
        $lib: "smolhog-js",
        $lib_version: VERSION,
        // A report has not been seen by the hook, and says nothing of the page.
        ...(!isReport && {
          $current_url: location.href,
          $pathname: location.pathname,
          ...visitor.properties,
          ...(Object.keys(visitor.groups).length && { $groups: visitor.groups }),
        }),
        ...properties,
      },
    };
    let json: string;
    try {
      if (beforeSend && !isReport) event = beforeSend(event);
    } catch (error) {
      // What it was to take out may still be in there.
      console.warn("smolhog: beforeSend failed", error);
      event = null;
    }
    if (!event) {
      this.queue_.drop("before_send");
      return null;
    }
    try {
      json = JSON.stringify(event);
    } catch (error) {
      console.warn(`smolhog: ${name} has no JSON form`, error);
      this.queue_.drop("invalid");
      return null;
    }
    this.queue_.add({ id: event.event_id, name: event.event, json });
    if (!isReport) this.delivery_!.wake();
    return event.event_id;
  }

  /** Tells the server what was thrown away, if anything was. */
  private report_(): void {
    const { drops } = this.queue_;
    const counts = Object.values(drops);
    const visitor = this.visitor_();
    if (!counts.length || !visitor || Date.now() - this.reportedAt_ < REPORTS) return;
    this.reportedAt_ = Date.now();
    this.queue_.drops = {};
    this.record_(
      visitor,
      REPORT,
      { $dropped_count: counts.reduce((sum, count) => sum + count), $dropped_by_reason: drops },
      true,
    );
  }

  /** Follows the page's life, and that of the other tabs. */
  private live_(): void {
    const queue = this.queue_;
    const delivery = this.delivery_!;
    const begin = (): void => {
      queue.hold();
      adopt();
      delivery.begin();
    };
    const adopt = (): void => {
      if (this.visitor_()) queue.adopt(() => delivery.wake(0));
    };
    begin();
    setInterval(adopt, ADOPTION);
    addEventListener("online", () => delivery.retry());
    addEventListener("storage", ({ key }) => {
      // Opted out in another tab: what waits here is forgotten too.
      if (key === this.name_ && !this.visitor_()) queue.clear();
    });
    document.addEventListener("visibilitychange", () => {
      // Telephones end hidden pages without a word.
      delivery.retry();
      if (!document.hidden) adopt();
    });
    addEventListener("pagehide", () => {
      delivery.leave();
      queue.release();
    });
    addEventListener("pageshow", ({ persisted }) => persisted && begin());
  }
}
