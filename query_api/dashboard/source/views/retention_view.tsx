/** Who came back: a row for each group of people that began together, a column for each period after. */
import type { RetentionAnswer } from "../answers";
import { bucketName, exactNumber, percent, wallClock } from "../formats";
import type { TableData } from "../parts/table";

interface Props {
  answer: RetentionAnswer;
  interval: "day" | "week" | "month";
  unit: "share" | "count";
  /** The last period of each row is not over yet. */
  open: boolean;
}

const NAMES = { day: "Day", week: "Week", month: "Month" };

/** The answer without groups before the first people came, and without periods that nobody has reached yet. */
export function reached(answer: RetentionAnswer): RetentionAnswer {
  const first = Math.max(
    0,
    answer.rows.findIndex((row) => row.size > 0),
  );
  const rows = answer.rows.slice(first);
  const lasts = rows.filter((row) => row.size > 0).map((row) => lastPeriod(row.counts));
  const periods = Math.max(1, ...lasts.map((last) => last + 1));
  return {
    ...answer,
    average: answer.average.slice(0, periods),
    rows: rows.map((row) => ({ ...row, counts: row.counts.slice(0, periods) })),
  };
}

function lastPeriod(counts: (number | null)[]): number {
  return counts.findLastIndex((count) => count !== null);
}

export function retentionTable({ rows, average }: RetentionAnswer, interval: Props["interval"]): TableData {
  return {
    columns: ["Began", "People", ...average.map((_, period) => `${NAMES[interval]} ${period}`)],
    rows: rows.map((row) => [bucketName(row.start, interval), row.size, ...row.counts]),
  };
}

export function RetentionView({ answer, interval, unit, open }: Props) {
  const { rows, average } = reached(answer);
  return (
    <div class="table-room" role="region" aria-label="Retention" tabIndex={0}>
      <table class="retention">
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col">People</th>
            {average.map((_, period) => (
              <th key={period} scope="col">
                <span class="unseen">{NAMES[interval]} </span>
                {period}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr class="retention-average">
            <th scope="row">Average</th>
            <td>{exactNumber(rows.reduce((sum, row) => sum + row.size, 0))}</td>
            {average.map((share, period) => (
              <Cell key={period} share={share} text={percent(share)} title="" />
            ))}
          </tr>
          {rows.map((row) => (
            <tr key={row.start}>
              <th scope="row" title={bucketName(row.start, interval)}>
                {startName(row.start, interval)}
              </th>
              <td>{exactNumber(row.size)}</td>
              {row.counts.map((count, period) => {
                const share = count === null || row.size === 0 ? null : count / row.size;
                return (
                  <Cell
                    key={period}
                    share={share}
                    open={open && period > 0 && period === lastPeriod(row.counts)}
                    text={unit === "share" ? percent(share) : count === null ? "" : exactNumber(count)}
                    title={
                      count === null
                        ? ""
                        : `${exactNumber(count)} of ${exactNumber(row.size)} (${percent(share)}), ${NAMES[interval].toLowerCase()} ${period}`
                    }
                  />
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function startName(start: string, interval: Props["interval"]): string {
  const { day, month, year } = wallClock(start);
  return interval === "month" ? `${month} ${year}` : `${day} ${month}`;
}

interface CellProps {
  share: number | null;
  text: string;
  title: string;
  open?: boolean;
}

function Cell({ share, text, title, open }: CellProps) {
  if (share === null) return <td class="heat none" />;
  // Steps rather than a smooth scale: on each of them the text is checked to be legible.
  const step = share <= 0 ? 0 : Math.min(9, 1 + Math.floor(share * 9));
  return (
    <td class={open ? "heat open" : `heat heat-${step}`} title={open ? `${title}, so far` : title}>
      {text}
    </td>
  );
}
