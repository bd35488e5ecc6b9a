/** How long a point of a chart over time is. */
import { setQuery } from "../address";
import type { Interval } from "../questions";
import type { SharedScope } from "../scope";
import { Segmented } from "./buttons";

export function IntervalChoice({ scope }: { scope: SharedScope }) {
  const names: Record<Interval, string> = {
    minute: "Minutes",
    hour: "Hours",
    day: "Days",
    week: "Weeks",
    month: "Months",
  };
  return (
    <Segmented
      label="Interval"
      value={scope.interval}
      options={scope.intervals.map((one) => ({ value: one, label: names[one] }))}
      onChange={(interval) => setQuery({ interval })}
    />
  );
}
