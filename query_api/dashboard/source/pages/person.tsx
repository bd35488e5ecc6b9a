/** One person: who they are, and everything they did. */
import { useEffect, useState } from "preact/hooks";
import { linkTo, useAddress } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { EventRow, EventsAnswer, PersonAnswer } from "../answers";
import { ask, withQuery, said } from "../client";
import { download } from "../downloads";
import { dateTime, dayOf, duration, exactNumber } from "../formats";
import { BarList } from "../parts/bar_list";
import { Card } from "../parts/card";
import { EventList } from "../parts/event_list";
import { Facts } from "../parts/facts";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, States } from "../parts/states";
import { Figure } from "../parts/tile";
import { useScope } from "../scope";
import { toast } from "../toasts";
import { Avatar, personName } from "./users";

const PAGE = 100;

export default function PersonPage() {
  const { path } = useAddress();
  const id = path.split("/")[2] ?? "";
  const { timezone: zone } = useScope();
  const answer = useAnswer<PersonAnswer>({ path: `users/${id}`, every: CHEAP * 3 });
  const timeline = useAnswer<EventsAnswer>({
    path: withQuery(`users/${id}/events`, { limit: PAGE }),
    every: CHEAP * 3,
  });
  return (
    <>
      <ScopeBar title="User">
        <Link class="button quiet" to={linkTo("/users")}>
          <Icon name="left" size={15} /> All users
        </Link>
        <button
          type="button"
          class="button"
          onClick={() => {
            download(`users/${id}/export`, undefined, "user.jsonl").catch((reason: unknown) =>
              toast(said(reason)),
            );
          }}
        >
          <Icon name="download" size={15} /> Everything kept
        </button>
      </ScopeBar>
      <States answer={answer} height={240}>
        {(person) => (
          <div class="profile">
            <Card about={person} class="profile-card">
              <div class="profile-head">
                <Avatar name={personName(person)} />
                <div>
                  <h2>{personName(person)}</h2>
                  <p class="faint">{person.distinct_ids.join(" · ")}</p>
                </div>
              </div>
              <div class="figures">
                <Figure label="Events" value={exactNumber(person.events)} />
                <Figure label="Sessions" value={exactNumber(person.sessions)} />
              </div>
              <h3>Seen</h3>
              <Facts
                facts={{ first: dateTime(person.first_seen, zone), last: dateTime(person.last_seen, zone) }}
              />
              <h3>Properties</h3>
              <Facts facts={person.properties} />
              <h3>Top events</h3>
              <BarList
                unit="events"
                bars={person.top_events.map((one) => ({
                  value: one.event,
                  count: one.count,
                  share: person.events ? one.count / person.events : 0,
                }))}
              />
            </Card>
            <Card title="Timeline" class="timeline">
              <States
                answer={timeline}
                isEmpty={(data) => data.events.length === 0}
                empty={<Empty title="No events" />}
              >
                {(data) => <Timeline key={id} first={data} id={id} zone={zone} />}
              </States>
            </Card>
          </div>
        )}
      </States>
    </>
  );
}

function Timeline({ first, id, zone }: { first: EventsAnswer; id: string; zone: string }) {
  const [older, setOlder] = useState<EventRow[]>([]);
  const [next, setNext] = useState(first.next);
  useEffect(() => {
    if (older.length === 0) setNext(first.next);
  }, [first, older.length]);
  const load = async () => {
    try {
      const page = await ask<EventsAnswer>(withQuery(`users/${id}/events`, { limit: PAGE, before: next }));
      setOlder([...older, ...page.events]);
      setNext(page.next);
    } catch (reason) {
      toast(said(reason));
    }
  };
  const known = new Set(first.events.map((event) => event.event_id));
  const visits = visitsOf([...first.events, ...older.filter((event) => !known.has(event.event_id))], zone);
  return (
    <>
      {visits.map((visit, index) => (
        <section key={visit.key} class="visit">
          {visit.day !== visits[index - 1]?.day && <h3>{visit.day}</h3>}
          <p class="visit-about">
            {visit.session ? "Session" : "Without a session"} · {exactNumber(visit.events.length)}{" "}
            {visit.events.length === 1 ? "event" : "events"}
            {visit.events.length > 1 && <> · {duration(visit.seconds)}</>}
          </p>
          <EventList events={visit.events} zone={zone} person={false} />
        </section>
      ))}
      {next && (
        <button type="button" class="button more" onClick={() => void load()}>
          Earlier
        </button>
      )}
    </>
  );
}

interface Visit {
  key: string;
  session: string | null;
  day: string;
  events: EventRow[];
  seconds: number;
}

/** Neighbours of one session and day belong together. */
function visitsOf(events: EventRow[], zone: string): Visit[] {
  const visits: Visit[] = [];
  for (const event of events) {
    const day = dayOf(event.timestamp, zone);
    const last = visits[visits.length - 1];
    if (last && last.session === event.session_id && last.day === day) {
      last.events.push(event);
      const newest = last.events[0]?.timestamp ?? event.timestamp;
      last.seconds = (Date.parse(newest) - Date.parse(event.timestamp)) / 1000;
    } else {
      visits.push({ key: event.event_id, session: event.session_id, day, events: [event], seconds: 0 });
    }
  }
  return visits;
}
