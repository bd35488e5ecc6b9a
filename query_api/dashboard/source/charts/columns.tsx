/** Columns with a name under each: how many of every kind. Plain HTML, so that it reads as a list. */
import { exactNumber } from "../formats";

export interface Column {
  name: string;
  value: number;
  note?: string;
}

export function ColumnChart({
  columns,
  colour = 0,
  unit,
}: {
  columns: Column[];
  colour?: number;
  unit: string;
}) {
  const most = Math.max(1, ...columns.map((column) => column.value));
  return (
    <ol class="columns" style={{ color: `var(--c${colour})` }}>
      {columns.map((column) => (
        <li
          key={column.name}
          title={`${column.name}: ${exactNumber(column.value)} ${unit}${column.note ? `, ${column.note}` : ""}`}
        >
          <span class="columns-value">{exactNumber(column.value)}</span>
          <i class="columns-bar" style={{ height: `${(column.value / most) * 100}%` }} />
          <span class="columns-name">{column.name}</span>
        </li>
      ))}
    </ol>
  );
}
