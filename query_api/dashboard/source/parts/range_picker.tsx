/** Which time: one of the usual ranges, or two dates. */
import { useState } from "preact/hooks";
import { setQuery } from "../address";
import type { Range } from "../questions";
import { PRESETS, rangeName, STANDARD } from "../ranges";
import { Icon } from "./icon";
import { Popover } from "./popover";

export function RangePicker({ range }: { range: Range }) {
  const pick = (chosen: Range, close: () => void) => {
    const standard = chosen.from === STANDARD.from && chosen.to === STANDARD.to;
    setQuery({
      from: standard ? null : chosen.from,
      to: chosen.to === "now" ? null : chosen.to,
      interval: null,
    });
    close();
  };
  const name = rangeName(range);
  return (
    <Popover
      label={`Range: ${name}`}
      align="right"
      shortcut="d"
      button={
        <>
          <Icon name="calendar" size={16} />
          <span>{name}</span>
          <Icon name="down" size={14} />
        </>
      }
    >
      {(close) => (
        <div class="range-panel">
          <ul class="menu-list">
            {PRESETS.map((preset) => (
              <li key={preset.label}>
                <button
                  type="button"
                  aria-pressed={preset.range.from === range.from && preset.range.to === range.to}
                  onClick={() => pick(preset.range, close)}
                >
                  {preset.label}
                </button>
              </li>
            ))}
          </ul>
          <Dates range={range} onPick={(chosen) => pick(chosen, close)} />
        </div>
      )}
    </Popover>
  );
}

function Dates({ range, onPick }: { range: Range; onPick: (range: Range) => void }) {
  const today = new Date().toISOString().slice(0, 10);
  const isDate = /^\d{4}-\d\d-\d\d$/;
  const [from, setFrom] = useState(isDate.test(range.from) ? range.from : today);
  const [to, setTo] = useState(isDate.test(range.to) ? range.to : today);
  const order = from <= to;
  return (
    <form
      class="range-dates"
      onSubmit={(event) => {
        event.preventDefault();
        if (order) onPick({ from, to });
      }}
    >
      <label>
        From
        <input
          type="date"
          class="field"
          required
          value={from}
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
      </label>
      <label>
        To, included
        <input
          type="date"
          class="field"
          required
          value={to}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button primary" disabled={!order}>
        {order ? "Show these days" : "From must not be after to"}
      </button>
    </form>
  );
}
