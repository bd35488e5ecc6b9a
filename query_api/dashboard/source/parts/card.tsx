/** A card: a heading, what it can do, the content, and at the foot how fresh and how exact it is. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Provenance } from "../answers";
import { ago } from "../formats";

interface Props {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  about?: Provenance | null;
  class?: string;
  children: ComponentChildren;
}

export function Card({ title, actions, about, class: style = "", children }: Props) {
  return (
    <section class={`card ${style}`}>
      {(title || actions) && (
        <header class="card-head">
          {title && <h2>{title}</h2>}
          {actions && <div class="card-actions">{actions}</div>}
        </header>
      )}
      <div class="card-body">{children}</div>
      {about && <Foot about={about} />}
    </section>
  );
}

const SOURCES: Record<string, string> = {
  rollup_minute: "minute rollup",
  rollup_hour: "hour rollup",
  distinct_users_minute: "minute sketches",
  distinct_users_hour: "hour sketches",
  events: "events",
  sessions: "sessions",
  people: "people",
};

/** As of 0.4 s ago · from the hour rollup */
export function Foot({ about }: { about: Provenance }) {
  const now = useNow();
  if (!about.as_of && !about.source) return null;
  return (
    <footer class="card-foot">
      {about.exactness === "approximate" && <Approximate />}
      {about.as_of && (
        <span title={`Counts everything that arrived before ${about.as_of}`}>
          as of {ago((now - Date.parse(about.as_of)) / 1000)}
        </span>
      )}
      {about.source && <span>from {SOURCES[about.source] ?? about.source}</span>}
    </footer>
  );
}

export function Approximate() {
  return (
    <span
      class="approximate"
      tabIndex={0}
      role="note"
      title="Approximate: distinct people are estimated, within about 1 %."
    >
      ≈ approximate
    </span>
  );
}

let now = Date.now();
const watchers = new Set<(now: number) => void>();
setInterval(() => {
  now = Date.now();
  for (const watcher of [...watchers]) watcher(now);
}, 1000);

/** One clock for all the feet of a page. */
export function useNow(): number {
  const [shown, setShown] = useState(now);
  useEffect(() => {
    watchers.add(setShown);
    return () => {
      watchers.delete(setShown);
    };
  }, []);
  // An answer may be younger than the last beat of the clock.
  return Math.max(shown, Date.now());
}
