/** Events, one a line; a line opens to show all that is known of it. */
import { useState } from "preact/hooks";
import { linkTo } from "../address";
import type { EventRow } from "../answers";
import { dateTime, timeOfDay, valueName } from "../formats";
import { Facts } from "./facts";
import { Icon } from "./icon";
import { Link } from "./link";

interface Props {
  events: EventRow[];
  zone: string;
  /** On the page of one person, who it was goes without saying. */
  person?: boolean;
  onPick?: (property: string, value: string | number | boolean) => void;
}

export function EventList({ events, zone, person = true, onPick }: Props) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <ol class={person ? "events" : "events single"}>
      {events.map((event) => (
        <li key={event.event_id} class={open === event.event_id ? "event open" : "event"}>
          <button
            type="button"
            class="event-line"
            aria-expanded={open === event.event_id}
            onClick={() => setOpen(open === event.event_id ? null : event.event_id)}
          >
            <time dateTime={event.timestamp} title={dateTime(event.timestamp, zone, true)}>
              {timeOfDay(event.timestamp, zone)}
            </time>
            <span class="event-name">
              <i class="swatch" style={{ color: `var(--c${colourOf(event.event)})` }} />
              {event.event}
            </span>
            {person && <span class="event-who">{event.distinct_id}</span>}
            <span class="event-gist">{gist(event)}</span>
            <Icon name="right" size={14} />
          </button>
          {open === event.event_id && <Details event={event} zone={zone} onPick={onPick} />}
        </li>
      ))}
    </ol>
  );
}

function Details({ event, zone, onPick }: { event: EventRow; zone: string; onPick?: Props["onPick"] }) {
  return (
    <div class="event-details">
      <section>
        <h3>Properties</h3>
        <Facts facts={event.properties} onPick={onPick} />
      </section>
      <section>
        <h3>Context</h3>
        <Facts facts={event.context} onPick={onPick} />
      </section>
      <section>
        <h3>About</h3>
        <Facts
          facts={{
            happened: dateTime(event.timestamp, zone, true),
            received: dateTime(event.received_at, zone, true),
            session: event.session_id,
            protocol: event.source,
            id: event.event_id,
          }}
        />
        {event.person_id && (
          <Link class="button" to={linkTo(`/users/${encodeURIComponent(event.person_id)}`)}>
            <Icon name="person" size={15} /> {event.distinct_id}
          </Link>
        )}
      </section>
    </div>
  );
}

/** The same event has the same colour everywhere. */
export function colourOf(name: string): number {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return hash % 8;
}

const TELLING = ["$pathname", "$current_url", "screen", "product", "amount", "plan", "query"];

function gist(event: EventRow): string {
  const all = { ...event.context, ...event.properties };
  const own = Object.keys(event.properties).filter((name) => !name.startsWith("$"));
  const names = [...new Set([...TELLING, ...own])].filter(
    (name) => all[name] !== undefined && all[name] !== "",
  );
  return names
    .slice(0, 4)
    .map((name) => (name.startsWith("$") ? pathOf(all[name]) : `${name} ${valueName(all[name])}`))
    .filter((text, index, texts) => text !== "" && texts.indexOf(text) === index)
    .join(" · ");
}

function pathOf(value: unknown): string {
  try {
    return new URL(String(value)).pathname;
  } catch {
    return valueName(value);
  }
}
