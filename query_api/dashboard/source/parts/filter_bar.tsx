/** The filter of all views: its conditions as chips, and the editor behind a button. */
import { useState } from "preact/hooks";
import { setQuery } from "../address";
import { describe, pruned, withoutPart } from "../filters";
import type { Group } from "../questions";
import { Chip } from "./buttons";
import { FilterEditor } from "./filter_editor";
import { Icon } from "./icon";
import { Popover } from "./popover";

export function setFilter(group: Group | null): void {
  const asked = pruned(group);
  setQuery({ filter: asked === null ? null : JSON.stringify(asked) });
}

export function FilterBar({ filter }: { filter: Group | null }) {
  return (
    <>
      <Popover
        label="Filter"
        shortcut="f"
        button={
          <>
            <Icon name="filter" size={16} />
            <span>Filter</span>
          </>
        }
      >
        {(close) => <Draft filter={filter} close={close} />}
      </Popover>
      {filter?.match === "all"
        ? filter.filters.map((part, index) => (
            <Chip
              key={JSON.stringify(part)}
              label={`Remove the filter: ${describe(part)}`}
              onRemove={() => setFilter(withoutPart(filter, index))}
            >
              {describe(part)}
            </Chip>
          ))
        : filter && (
            <Chip label="Remove the filter" onRemove={() => setFilter(null)}>
              {describe(filter)}
            </Chip>
          )}
    </>
  );
}

function Draft({ filter, close }: { filter: Group | null; close: () => void }) {
  const [draft, setDraft] = useState<Group | null>(
    filter ?? { match: "all", filters: [{ property: "", of: "event", operator: "=", value: null }] },
  );
  return (
    <form
      class="filter-panel"
      onSubmit={(event) => {
        event.preventDefault();
        setFilter(draft);
        close();
      }}
    >
      <FilterEditor group={draft} onChange={setDraft} />
      <div class="panel-foot">
        <button
          type="button"
          class="button quiet"
          onClick={() => {
            setFilter(null);
            close();
          }}
        >
          Clear
        </button>
        <button type="submit" class="button primary">
          Apply
        </button>
      </div>
    </form>
  );
}
