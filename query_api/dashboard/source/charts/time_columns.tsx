/** The columns of a time chart, stacked where there are several series. */
import type { Frame, Line } from "./time_chart";

interface Props {
  frame: Frame;
  lines: Line[];
  open: boolean;
  at: number | null;
}

export function Columns({ frame, lines, open, at }: Props) {
  const shown = lines.filter((line) => !line.previous);
  const count = shown[0]?.values.length ?? 0;
  const place = frame.width / Math.max(1, count);
  const width = Math.max(1, Math.min(48, place * 0.72));
  return (
    <>
      {Array.from({ length: count }, (_, index) => {
        let below = 0;
        const x = frame.x(index) - width / 2;
        return (
          <g key={index} class={at !== null && at !== index ? "column column-faint" : "column"}>
            {shown.map((line) => {
              const value = line.values[index] ?? 0;
              if (value === 0) return null;
              const base = value > 0 ? below : 0;
              if (value > 0) below += value;
              const top = frame.y(Math.max(base + value, base));
              const height = Math.max(1, Math.abs(frame.y(base) - frame.y(base + value)));
              return (
                <rect
                  key={line.name}
                  class={open && index === count - 1 ? "column-open" : ""}
                  style={{ color: `var(--c${line.colour})` }}
                  x={x}
                  y={top}
                  width={width}
                  height={height}
                  rx={Math.min(2, width / 4)}
                />
              );
            })}
          </g>
        );
      })}
    </>
  );
}
