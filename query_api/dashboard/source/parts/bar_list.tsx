/** The most frequent values, each with a bar behind it; a click asks for that value alone. */
import { exactNumber, percent, shortNumber, valueName } from "../formats";
import { Empty } from "./states";

export interface Bar {
  value: string | null;
  count: number;
  share: number | null;
}

interface Props {
  bars: Bar[];
  colour?: number;
  display?: (value: string | null) => string;
  onPick?: (value: string) => void;
  pickLabel?: (name: string) => string;
  unit: string;
}

export function BarList({ bars, colour = 0, display = valueName, onPick, pickLabel, unit }: Props) {
  if (bars.length === 0) return <Empty title="Nothing in this range" />;
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  return (
    <ol class="bars" style={{ color: `var(--c${colour})` }}>
      {bars.map((bar) => {
        const name = display(bar.value);
        const pickable = onPick && bar.value !== null && bar.value !== "$other";
        const inside = (
          <>
            <i class="bar" style={{ width: `${(bar.count / most) * 100}%` }} />
            <span class="bar-name">{name}</span>
          </>
        );
        return (
          <li key={bar.value ?? "\u0000"}>
            {pickable ? (
              <button
                type="button"
                class="bar-row"
                title={name}
                aria-label={pickLabel ? pickLabel(name) : `Only ${name}`}
                onClick={() => onPick(bar.value as string)}
              >
                {inside}
              </button>
            ) : (
              <span
                class={bar.value === null || bar.value === "$other" ? "bar-row rest" : "bar-row"}
                title={name}
              >
                {inside}
              </span>
            )}
            <span class="bar-count" title={`${exactNumber(bar.count)} ${unit}`}>
              {shortNumber(bar.count)}
            </span>
            <span class="bar-share">{percent(bar.share)}</span>
          </li>
        );
      })}
    </ol>
  );
}
