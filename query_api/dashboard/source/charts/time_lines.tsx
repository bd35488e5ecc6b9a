/** The lines of a time chart. */
import { pathOf } from "./scale";
import type { Frame, Line } from "./time_chart";

interface Props {
  frame: Frame;
  lines: Line[];
  fill: boolean;
  open: boolean;
  at: number | null;
}

export function Lines({ frame, lines, fill, open, at }: Props) {
  return (
    <>
      {at !== null && (
        <line
          class="chart-pointer"
          x1={frame.x(at)}
          x2={frame.x(at)}
          y1={frame.top}
          y2={frame.top + frame.height}
        />
      )}
      {[...lines].reverse().map((line) => (
        <LineOf
          key={`${line.name} ${line.previous}`}
          frame={frame}
          line={line}
          fill={fill}
          open={open}
          at={at}
        />
      ))}
    </>
  );
}

function LineOf({
  frame,
  line,
  fill,
  open,
  at,
}: {
  frame: Frame;
  line: Line;
  fill: boolean;
  open: boolean;
  at: number | null;
}) {
  const points = line.values.map((value, index): [number, number] | null =>
    value === null ? null : [frame.x(index), frame.y(value)],
  );
  // What is not over yet is dashed: it will still rise.
  const split = open && !line.previous && points.length > 1 ? points.length - 1 : points.length;
  const here = at === null ? null : points[at];
  const floor = frame.y(0);
  const first = points.find((point) => point !== null);
  const last = points.findLast((point) => point !== null);
  return (
    <g class={line.previous ? "line line-previous" : "line"} style={{ color: `var(--c${line.colour})` }}>
      {fill && !line.previous && first && last && (
        <path
          class="line-fill"
          d={`${pathOf(points.filter((point) => point !== null))}L${last[0]} ${floor}L${first[0]} ${floor}Z`}
        />
      )}
      <path class="line-stroke" d={pathOf(points.slice(0, split))} />
      {split < points.length && <path class="line-stroke line-open" d={pathOf(points.slice(split - 1))} />}
      {points.length === 1 && first && <circle class="line-dot" cx={first[0]} cy={first[1]} r={4} />}
      {here && !line.previous && <circle class="line-dot" cx={here[0]} cy={here[1]} r={4} />}
    </g>
  );
}
