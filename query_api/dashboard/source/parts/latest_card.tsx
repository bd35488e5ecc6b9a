/** The newest events of the project. */
import { useEffect, useState } from "preact/hooks";
import { linkTo } from "../address";
import type { EventRow } from "../answers";
import { onEvents } from "../live";
import { newestEvents } from "../newest";
import type { SharedScope } from "../scope";
import { Card } from "./card";
import { EventList } from "./event_list";
import { Icon } from "./icon";
import { Link } from "./link";

const LATEST = 9;

/** The newest events, of all the project: pushed as they are stored. */
export function LatestCard({ scope }: { scope: SharedScope }) {
  const [events, setEvents] = useState<EventRow[]>([]);
  useEffect(() => {
    let here = true;
    newestEvents(LATEST).then(
      (found) => here && setEvents((old) => (old.length > 0 ? old : found)),
      () => undefined, // the other cards say what is the matter
    );
    const stop = onEvents((more) => setEvents((old) => [...[...more].reverse(), ...old].slice(0, LATEST)));
    return () => {
      here = false;
      stop();
    };
  }, []);
  return (
    <Card
      title="Latest events"
      actions={
        <Link class="button quiet" to={linkTo("/live")}>
          All, live <Icon name="right" size={14} />
        </Link>
      }
    >
      <EventList events={events} zone={scope.timezone} />
    </Card>
  );
}
