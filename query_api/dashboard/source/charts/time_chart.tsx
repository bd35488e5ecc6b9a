/** Numbers over time: lines, areas or columns, with a pointer that reads them. */
import { useState } from "preact/hooks";
import { bucketName, bucketTick } from "../formats";
import { labelled, ticks } from "./scale";
import { Columns } from "./time_columns";
import { Lines } from "./time_lines";
import { Tooltip } from "./tooltip";
import { useWidth } from "./width";

export interface Line {
  name: string;
  /** Place in the palette. */
  colour: number;
  values: (number | null)[];
  /** Of the period before: drawn faintly, under the others. */
  previous?: boolean;
}

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  x: (index: number) => number;
  y: (value: number) => number;
}

export interface TimeChartProps {
  times: string[];
  interval: string;
  lines: Line[];
  kind: "line" | "area" | "bar";
  format: (value: number | null) => string;
  formatAxis: (value: number) => string;
  height?: number;
  label: string;
  /** The last bucket is not over yet. */
  open: boolean;
}

const TOP = 10;
const BOTTOM = 24;

export function TimeChart(props: TimeChartProps) {
  const { times, interval, lines, kind, format, formatAxis, height = 260, label, open } = props;
  const [element, width] = useWidth(640);
  const [at, setAt] = useState<number | null>(null);
  const marks = valueMarks(lines, kind === "bar", height);
  const left = Math.max(...marks.map((mark) => formatAxis(mark).length)) * 6.6 + 12;
  const frame = frameOf(times.length, marks, kind, { left, width: width - left - 8, height });
  const spansDays = new Set(times.map((time) => time.slice(0, 10))).size > 1;
  const shownAt = at !== null && at < times.length ? at : null;
  const find = (clientX: number) => {
    const box = element.current?.getBoundingClientRect();
    if (!box || times.length === 0) return;
    setAt(nearest(clientX - box.left, frame, times.length));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 };
    const step = steps[event.key];
    if (step === undefined) {
      if (event.key === "Escape" && at !== null) {
        setAt(null);
        event.stopPropagation();
      }
      return;
    }
    event.preventDefault();
    const from = shownAt ?? (step > 0 ? -1 : times.length);
    setAt(Math.min(times.length - 1, Math.max(0, from + step)));
  };
  const room = Math.max(1, Math.floor(frame.width / (interval === "week" ? 76 : 62)));
  const drawing = { frame, lines, open, at: shownAt };
  return (
    <div
      class="chart"
      ref={element}
      tabIndex={0}
      role="application"
      aria-roledescription="chart"
      aria-label={`${label}. Arrow keys read the values; the table holds all of them.`}
      onPointerMove={(event) => find(event.clientX)}
      onPointerLeave={() => setAt(null)}
      onKeyDown={onKeyDown}
      onBlur={() => setAt(null)}
    >
      <svg width={width} height={height} aria-hidden="true">
        {marks.map((mark) => (
          <g key={mark}>
            <line
              class="chart-grid"
              x1={left}
              x2={left + frame.width}
              y1={frame.y(mark)}
              y2={frame.y(mark)}
            />
            <text class="chart-mark" x={left - 8} y={frame.y(mark) + 4} text-anchor="end">
              {formatAxis(mark)}
            </text>
          </g>
        ))}
        {labelled(times.length, room).map((index) => (
          <text key={index} class="chart-mark" x={frame.x(index)} y={height - 6} text-anchor="middle">
            {bucketTick(times[index] ?? "", interval, spansDays)}
          </text>
        ))}
        {kind === "bar" ? <Columns {...drawing} /> : <Lines {...drawing} fill={kind === "area"} />}
      </svg>
      {shownAt !== null && (
        <Tooltip
          x={frame.x(shownAt)}
          width={width}
          title={`${bucketName(times[shownAt] ?? "", interval)}${open && shownAt === times.length - 1 ? " · so far" : ""}`}
          rows={rowsAt(lines, shownAt, format)}
        />
      )}
    </div>
  );
}

function rowsAt(lines: Line[], at: number, format: (value: number | null) => string) {
  const rows = lines.map((line) => ({ ...line, value: line.values[at] ?? null }));
  // Many lines are read from the highest down; two or three keep their order.
  if (rows.length > 3) rows.sort((one, other) => (other.value ?? -Infinity) - (one.value ?? -Infinity));
  return rows.slice(0, 12).map((row) => ({
    name: row.name,
    colour: row.colour,
    faint: row.previous ?? false,
    value: format(row.value),
  }));
}

function valueMarks(lines: Line[], stacked: boolean, height: number): number[] {
  const shown = lines.flatMap((line) => line.values).filter((value) => value !== null);
  let most = Math.max(0, ...shown);
  if (stacked) {
    const length = Math.max(0, ...lines.map((line) => line.values.length));
    for (let index = 0; index < length; index += 1) {
      const sum = lines
        .filter((line) => !line.previous)
        .reduce((total, line) => total + Math.max(0, line.values[index] ?? 0), 0);
      most = Math.max(most, sum);
    }
  }
  const whole = shown.every((value) => Number.isInteger(value));
  return ticks(Math.min(0, ...shown), most, Math.max(2, Math.round(height / 64)), whole);
}

function frameOf(
  count: number,
  marks: number[],
  kind: string,
  { left, width, height }: { left: number; width: number; height: number },
): Frame {
  const low = marks[0] ?? 0;
  const high = marks[marks.length - 1] ?? 1;
  const inner = height - TOP - BOTTOM;
  // Columns stand in the middle of their bucket's place; lines go from edge to edge, with room for the first label.
  const margin = kind === "bar" ? width / Math.max(1, count) / 2 : Math.min(16, width / 8);
  const step = count > 1 ? (width - 2 * margin) / (count - 1) : 0;
  return {
    left,
    top: TOP,
    width,
    height: inner,
    x: (index) => (count > 1 ? left + margin + index * step : left + width / 2),
    y: (value) => TOP + inner - ((value - low) / (high - low || 1)) * inner,
  };
}

function nearest(x: number, frame: Frame, count: number): number {
  if (count < 2) return 0;
  const first = frame.x(0);
  const step = frame.x(1) - first;
  const place = (x - first) / step;
  return Math.min(count - 1, Math.max(0, Math.round(place)));
}
