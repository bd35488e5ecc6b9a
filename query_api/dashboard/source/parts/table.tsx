/** A plain table that scrolls sideways when it must. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { csv, save } from "../downloads";
import { IconButton } from "./buttons";

export interface TableData {
  columns: string[];
  rows: (string | number | null)[][];
}

interface Props {
  label: string;
  data: TableData;
  /** How many columns at the left are names; the others are numbers. */
  names?: number;
  format?: (value: string | number | null, column: number) => ComponentChildren;
}

const MOST = 400;

export function Table({ label, data, names = 1, format = (value) => value ?? "–" }: Props) {
  return (
    <div class="table-room" role="region" aria-label={label} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            {data.columns.map((column, index) => (
              <th key={column} scope="col" class={index < names ? "" : "number"}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {data.rows.slice(0, MOST).map((row, index) => (
            <tr key={index}>
              {row.map((value, column) => (
                <td key={data.columns[column]} class={column < names ? "" : "number"}>
                  {format(value, column)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {data.rows.length > MOST && <p class="faint">The first {MOST} rows; the CSV file has all.</p>}
    </div>
  );
}

/** The pair of buttons that every chart has: its numbers as a table, and as a file. */
export function useTableToggle(name: string, data: () => TableData | null) {
  const [on, setOn] = useState(false);
  const buttons = (
    <>
      <IconButton
        icon={on ? "chart" : "table"}
        label={on ? "Show as chart" : "Show as table"}
        pressed={on}
        onClick={() => setOn(!on)}
      />
      <IconButton
        icon="download"
        label="Download as CSV"
        onClick={() => {
          const table = data();
          if (table) save(new Blob([csv(table.columns, table.rows)], { type: "text/csv" }), `${name}.csv`);
        }}
      />
    </>
  );
  return [on, buttons] as const;
}
