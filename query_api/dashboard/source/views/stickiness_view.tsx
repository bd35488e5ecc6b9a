/** In how many intervals the same people were active. */
import type { StickinessAnswer } from "../answers";
import { ColumnChart } from "../charts/columns";
import { percent } from "../formats";
import type { TableData } from "../parts/table";
import { nameOf } from "../questions";

export function stickinessTable({ intervals, series }: StickinessAnswer): TableData {
  return {
    columns: ["Active in", ...series.map(nameOf)],
    rows: Array.from({ length: intervals }, (_, index) => [
      index + 1,
      ...series.map((one) => one.counts[index] ?? 0),
    ]),
  };
}

export function StickinessView({ answer }: { answer: StickinessAnswer }) {
  return (
    <>
      {answer.series.map((series, place) => {
        const all = series.counts.reduce((sum, count) => sum + count, 0);
        return (
          <div key={nameOf(series)}>
            {answer.series.length > 1 && <h3>{nameOf(series)}</h3>}
            <ColumnChart
              colour={place}
              unit="people"
              columns={series.counts.map((value, index) => ({
                name: String(index + 1),
                value,
                note: percent(all === 0 ? 0 : value / all),
              }))}
            />
          </div>
        );
      })}
    </>
  );
}
