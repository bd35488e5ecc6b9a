/** The range, the time zone and the filter that all views share, out of the address. */
import { useMemo } from "preact/hooks";
import { recall } from "./access";
import { useAddress } from "./address";
import { parseFilter } from "./filters";
import type { Interval, Scope } from "./questions";
import { endsNow, intervalsFor, ownZone, STANDARD, standardInterval } from "./ranges";

export interface SharedScope extends Scope {
  interval: Interval;
  intervals: Interval[];
  /** New events change the answers. */
  live: boolean;
}

export const ZONE_KEY = "smolhog.zone";

export function useScope(): SharedScope {
  const { query } = useAddress();
  const from = query.get("from") ?? STANDARD.from;
  const to = query.get("to") ?? STANDARD.to;
  const timezone = query.get("tz") ?? recall(ZONE_KEY) ?? ownZone();
  const filter = query.get("filter");
  const chosen = query.get("interval");
  return useMemo(() => {
    const range = { from, to };
    const intervals = intervalsFor(range);
    const interval = intervals.find((one) => one === chosen) ?? standardInterval(range);
    return { range, timezone, filter: parseFilter(filter), interval, intervals, live: endsNow(range) };
  }, [from, to, timezone, filter, chosen]);
}
