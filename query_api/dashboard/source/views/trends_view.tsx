/** The answer to a question about trends, as chart, totals or table. */
import { useState } from "preact/hooks";
import type { Series, TrendsAnswer } from "../answers";
import { type Line, TimeChart } from "../charts/time_chart";
import { axisNumber, bucketName, change, exactNumber, percent, shortNumber, valueName } from "../formats";
import { Table, type TableData } from "../parts/table";
import { Figure } from "../parts/tile";
import { nameOf } from "../questions";

export type TrendsKind = "line" | "area" | "bar" | "table" | "number";

interface Props {
  answer: TrendsAnswer;
  kind: TrendsKind;
  height?: number;
  live: boolean;
  legend?: boolean;
  label?: string;
}

const MOST_LINES = 30;

export function seriesName(series: Series, all: Series[]): string {
  const base = series.key === "formula" ? series.label || "Formula" : nameOf(series);
  const several = new Set(all.map((one) => one.key)).size > 1;
  const broken = series.breakdown !== null || all.filter((one) => one.key === series.key).length > 1;
  if (!broken) return several && series.key !== "formula" ? `${series.key} · ${base}` : base;
  return several ? `${base} · ${valueName(series.breakdown)}` : valueName(series.breakdown);
}

export function trendsTable(answer: TrendsAnswer): TableData {
  const { series, interval } = answer;
  const times = series[0]?.points.map((point) => point.time) ?? [];
  return {
    columns: ["Time", ...series.map((one) => seriesName(one, series))],
    rows: [
      ...times.map((time, index) => [
        bucketName(time, interval),
        ...series.map((one) => one.points[index]?.value ?? null),
      ]),
      ["Total", ...series.map((one) => one.total)],
    ],
  };
}

export function TrendsView({ answer, kind, height = 300, live, legend = true, label = "Trend" }: Props) {
  const [hidden, setHidden] = useState<string[]>([]);
  const { series, interval } = answer;
  const named = series
    .slice(0, MOST_LINES)
    .map((one, index) => ({ one, index, name: seriesName(one, series) }));
  if (kind === "table") {
    return (
      <Table
        label={label}
        data={trendsTable(answer)}
        format={(value) => (typeof value === "number" ? exactNumber(value) : (value ?? "–"))}
      />
    );
  }
  if (kind === "number") {
    return (
      <div class="figures">
        {named.map(({ one, name }) => (
          <Figure
            key={`${one.key} ${name}`}
            label={name}
            value={shortNumber(one.total)}
            full={exactNumber(one.total)}
            approximate={answer.exactness === "approximate"}
            now={one.total}
            before={one.previous?.total}
          />
        ))}
      </div>
    );
  }
  const lines = named
    .filter(({ name }) => !hidden.includes(name))
    .flatMap(({ one, index, name }): Line[] => [
      { name, colour: index % 10, values: one.points.map((point) => point.value) },
      ...(one.previous?.total
        ? [
            {
              name: `${name}, before`,
              colour: index % 10,
              previous: true,
              values: one.previous.points.map((point) => point.value),
            },
          ]
        : []),
    ]);
  return (
    <>
      <TimeChart
        times={series[0]?.points.map((point) => point.time) ?? []}
        interval={interval}
        lines={lines}
        kind={kind}
        format={exactNumber}
        formatAxis={axisNumber}
        height={height}
        label={label}
        open={live}
      />
      {legend && (
        <ul class="legend">
          {named.map(({ one, index, name }) => (
            <li key={`${one.key} ${name}`}>
              <button
                type="button"
                aria-pressed={!hidden.includes(name)}
                title={hidden.includes(name) ? "Show" : "Hide"}
                onClick={() =>
                  setHidden(
                    hidden.includes(name) ? hidden.filter((other) => other !== name) : [...hidden, name],
                  )
                }
              >
                <i class="swatch" style={{ color: `var(--c${index % 10})` }} />
                <span class="legend-name">{name}</span>
                <b title={exactNumber(one.total)}>
                  {answer.exactness === "approximate" && <span class="about">≈</span>}
                  {shortNumber(one.total)}
                </b>
                <Moved now={one.total} before={one.previous?.total} />
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Moved({ now, before }: { now: number | null; before: number | null | undefined }) {
  const moved = change(now, before);
  if (moved === null) return null;
  return (
    <span
      class={moved < 0 ? "moved bad" : "moved good"}
    >{`${moved < 0 ? "▼" : "▲"} ${percent(Math.abs(moved))}`}</span>
  );
}
