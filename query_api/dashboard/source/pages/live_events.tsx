/** Every event as it is stored. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useParameter } from "../address";
import type { EventRow } from "../answers";
import { eventChoices } from "../catalogue";
import { Spark } from "../charts/spark";
import { narrowed } from "../filters";
import { exactNumber, shortNumber } from "../formats";
import { onEvents, useFigures, watchFor } from "../live";
import { newestEvents } from "../newest";
import { Chip } from "../parts/buttons";
import { Card } from "../parts/card";
import { Combobox } from "../parts/combobox";
import { EventList } from "../parts/event_list";
import { setFilter } from "../parts/filter_bar";
import { Icon } from "../parts/icon";
import { ScopeBar } from "../parts/scope_bar";
import { Empty } from "../parts/states";
import { useScope } from "../scope";

const KEPT = 200;

export default function LiveEvents() {
  const scope = useScope();
  const [names, setNames] = useParameter<string[]>("events", []);
  const [paused, setPaused] = useState(false);
  const [events, setEvents] = useState<EventRow[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [skipped, setSkipped] = useState(0);
  const held = useRef<EventRow[]>([]);
  const pausedNow = useRef(paused);
  pausedNow.current = paused;
  const figures = useFigures();
  const asked = JSON.stringify([scope.filter, names]);
  useEffect(() => {
    watchFor(scope.filter, names.length > 0 ? names : null);
    setEvents([]);
    setSkipped(0);
    held.current = [];
    setWaiting(0);
    return () => watchFor(null, null);
  }, [asked]);

  useEffect(
    () =>
      onEvents((more, missed) => {
        setSkipped((old) => old + missed);
        const newest = [...more].reverse();
        if (pausedNow.current) {
          held.current = [...newest, ...held.current].slice(0, KEPT);
          setWaiting((old) => old + more.length + missed);
        } else {
          setEvents((old) => [...newest, ...old].slice(0, KEPT));
        }
      }),
    [],
  );

  const toggle = () => {
    if (paused) {
      setEvents((old) => [...held.current, ...old].slice(0, KEPT));
      held.current = [];
      setWaiting(0);
    }
    setPaused(!paused);
  };
  return (
    <>
      <ScopeBar title="Live events" scope={scope}>
        <button
          type="button"
          class={paused ? "button primary" : "button"}
          aria-pressed={paused}
          onClick={toggle}
        >
          <Icon name={paused ? "play" : "pause"} size={15} />
          {paused ? `Go on${waiting > 0 ? ` (${shortNumber(waiting)} new)` : ""}` : "Pause"}
        </button>
      </ScopeBar>
      <Card
        title={
          <span class="live-title">
            <i class={`live-dot ${figures.state}`} aria-hidden="true" />
            {figures.state === "live"
              ? `${shortNumber(figures.perSecond)} events a second`
              : WORDS[figures.state]}
          </span>
        }
        actions={<Spark values={figures.history} places={60} label="Events a second, the last minute" />}
      >
        <div class="live-watch">
          <Combobox
            label="Only these events"
            value=""
            placeholder={names.length > 0 ? "and…" : "All events; choose some"}
            choices={eventChoices}
            onPick={(choice) =>
              choice.value && !names.includes(choice.value) && setNames([...names, choice.value])
            }
          />
          {names.map((name) => (
            <Chip
              key={name}
              label={`Remove ${name}`}
              onRemove={() => setNames(names.filter((other) => other !== name))}
            >
              {name}
            </Chip>
          ))}
          {skipped > 0 && (
            <span
              class="faint"
              title="At this rate the stream shows a part of the events; all of them are counted."
            >
              {exactNumber(skipped)} not shown
            </span>
          )}
        </div>
        {figures.state === "polling" ? (
          <Polled zone={scope.timezone} />
        ) : events.length === 0 ? (
          <Empty title="Waiting for events">
            <p class="faint">They appear here within a second of being sent.</p>
          </Empty>
        ) : (
          <EventList
            events={events}
            zone={scope.timezone}
            onPick={(property, value) =>
              setFilter(narrowed(scope.filter, { property, of: "event", operator: "=", value }))
            }
          />
        )}
      </Card>
    </>
  );
}

const WORDS = {
  connecting: "Connecting…",
  polling: "The stream is away; asking every 2 seconds",
  off: "Not connected",
  live: "",
};

/** Without the stream: the newest events, asked for now and then. */
function Polled({ zone }: { zone: string }) {
  const [events, setEvents] = useState<EventRow[]>([]);
  useEffect(() => {
    let here = true;
    const read = () =>
      newestEvents(50).then(
        (found) => here && setEvents(found),
        () => undefined, // the heading says that the stream is away
      );
    void read();
    const beat = setInterval(() => void read(), 2000);
    return () => {
      here = false;
      clearInterval(beat);
    };
  }, []);
  return <EventList events={events} zone={zone} />;
}
