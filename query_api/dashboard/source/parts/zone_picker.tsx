/** Whose clocks and days count. */
import { useMemo, useState } from "preact/hooks";
import { keep } from "../access";
import { setQuery } from "../address";
import { ownZone, zoneNames } from "../ranges";
import { ZONE_KEY } from "../scope";
import { Icon } from "./icon";
import { Popover } from "./popover";

export function ZonePicker({ zone }: { zone: string }) {
  return (
    <Popover
      label={`Time zone: ${zone}`}
      title="Time zone"
      align="right"
      button={
        <>
          <Icon name="globe" size={16} />
          <span class="zone-name">{shortZone(zone)}</span>
        </>
      }
    >
      {(close) => (
        <Zones
          zone={zone}
          onPick={(name) => {
            keep(ZONE_KEY, name);
            setQuery({ tz: name });
            close();
          }}
        />
      )}
    </Popover>
  );
}

function shortZone(zone: string): string {
  return zone.split("/").pop()?.replaceAll("_", " ") ?? zone;
}

function Zones({ zone, onPick }: { zone: string; onPick: (name: string) => void }) {
  const [search, setSearch] = useState("");
  const names = useMemo(zoneNames, []);
  const wanted = search.toLowerCase().replaceAll(" ", "_");
  const own = ownZone();
  const first = [...new Set([own, "UTC", zone])];
  const shown = search ? names.filter((name) => name.toLowerCase().includes(wanted)).slice(0, 60) : first;
  return (
    <div class="zone-panel">
      <input
        class="field"
        type="search"
        placeholder="Find a city or zone"
        aria-label="Find a time zone"
        value={search}
        onInput={(event) => setSearch(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && shown[0]) onPick(shown[0]);
        }}
      />
      <ul class="menu-list">
        {shown.map((name) => (
          <li key={name}>
            <button type="button" aria-pressed={name === zone} onClick={() => onPick(name)}>
              {name}
              {name === own && <small> this computer</small>}
            </button>
          </li>
        ))}
        {shown.length === 0 && <li class="faint menu-none">No zone of that name</li>}
      </ul>
    </div>
  );
}
