/** Visits: how many, how long, and where they begin and end. */
import type { SessionsAnswer } from "../answers";
import { ColumnChart } from "../charts/columns";
import { TimeChart } from "../charts/time_chart";
import { bucketName, duration, exactNumber, percent, shortNumber } from "../formats";
import { BarList } from "../parts/bar_list";
import type { TableData } from "../parts/table";
import { Figure } from "../parts/tile";

export type SessionsMeasure = "sessions" | "median" | "bounces";

export function sessionsTable({ points }: SessionsAnswer, interval: string): TableData {
  return {
    columns: ["Time", "Sessions", "Median seconds", "Bounce rate"],
    rows: points.map((point) => [
      bucketName(point.time, interval),
      point.sessions,
      point.median_seconds,
      point.bounce_rate,
    ]),
  };
}

export function SessionFigures({ answer }: { answer: SessionsAnswer }) {
  return (
    <div class="figures">
      <Figure label="Sessions" value={shortNumber(answer.total)} full={exactNumber(answer.total)} />
      <Figure label="People" value={shortNumber(answer.people)} full={exactNumber(answer.people)} />
      <Figure label="Median duration" value={duration(answer.median_seconds)} />
      <Figure label="Bounce rate" value={percent(answer.bounce_rate)} />
      <Figure label="Events a session" value={exactNumber(answer.events_per_session)} />
    </div>
  );
}

interface ChartProps {
  answer: SessionsAnswer;
  interval: string;
  measure: SessionsMeasure;
  live: boolean;
  height?: number;
}

export function SessionsChart({ answer, interval, measure, live, height = 260 }: ChartProps) {
  const { name, read, format } = MEASURES[measure];
  return (
    <TimeChart
      times={answer.points.map((point) => point.time)}
      interval={interval}
      lines={[{ name, colour: 0, values: answer.points.map(read) }]}
      kind="area"
      format={format}
      formatAxis={format}
      height={height}
      label={name}
      open={live}
    />
  );
}

type SessionsPoint = SessionsAnswer["points"][number];

const MEASURES: Record<
  SessionsMeasure,
  { name: string; read: (point: SessionsPoint) => number | null; format: (value: number | null) => string }
> = {
  sessions: { name: "Sessions", read: (point) => point.sessions, format: shortNumber },
  median: { name: "Median duration", read: (point) => point.median_seconds, format: duration },
  bounces: { name: "Bounce rate", read: (point) => point.bounce_rate, format: percent },
};

export function Durations({ answer }: { answer: SessionsAnswer }) {
  return (
    <ColumnChart
      colour={2}
      unit="sessions"
      columns={answer.durations.map((bin) => ({
        name: bin.to_seconds === null ? `${duration(bin.from_seconds)}+` : `<${duration(bin.to_seconds)}`,
        value: bin.sessions,
        note: `from ${duration(bin.from_seconds)}`,
      }))}
    />
  );
}

export function Ends({
  rows,
  colour,
  onPick,
}: {
  rows: SessionsAnswer["entries"];
  colour: number;
  onPick?: (value: string) => void;
}) {
  const all = rows.reduce((sum, row) => sum + row.sessions, 0);
  return (
    <BarList
      unit="sessions"
      colour={colour}
      onPick={onPick}
      bars={rows
        .slice(0, 10)
        .map((row) => ({ value: row.event, count: row.sessions, share: all ? row.sessions / all : 0 }))}
    />
  );
}
