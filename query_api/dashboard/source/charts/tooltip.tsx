/** What the pointer reads from a chart. */

interface Props {
  x: number;
  width: number;
  title: string;
  rows: { name: string; colour: number; value: string; faint: boolean }[];
}

export function Tooltip({ x, width, title, rows }: Props) {
  const right = x > width / 2;
  return (
    <div
      class="tooltip"
      role="status"
      style={right ? { right: `${width - x + 14}px` } : { left: `${x + 14}px` }}
    >
      <div class="tooltip-title">{title}</div>
      {rows.map((row) => (
        <div key={`${row.name} ${row.faint}`} class={row.faint ? "tooltip-row faint" : "tooltip-row"}>
          <i class="swatch" style={{ color: `var(--c${row.colour})` }} />
          <span>{row.name}</span>
          <b>{row.value}</b>
        </div>
      ))}
    </div>
  );
}
