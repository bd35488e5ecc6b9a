/** Which events: a name, or any, and conditions on them. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { eventChoices } from "../catalogue";
import { pruned } from "../filters";
import type { Group, Selector } from "../questions";
import { IconButton } from "./buttons";
import { Combobox } from "./combobox";
import { FilterEditor } from "./filter_editor";

interface Props<T extends Selector> {
  label: string;
  value: T;
  badge?: ComponentChildren;
  onChange: (value: T) => void;
  onRemove?: () => void;
  /** Further settings in the same line. */
  children?: ComponentChildren;
  /** Further buttons at its end. */
  actions?: ComponentChildren;
  cohorts?: boolean;
}

export function SelectorEditor<T extends Selector>(props: Props<T>) {
  const { label, value, badge, onChange, onRemove, children, actions, cohorts } = props;
  const [draft, setDraft] = useState<Group | null>(value.filter);
  const [open, setOpen] = useState(value.filter !== null);
  const write = (group: Group | null) => {
    setDraft(group);
    const asked = pruned(group);
    if (JSON.stringify(asked) !== JSON.stringify(value.filter)) onChange({ ...value, filter: asked });
  };
  return (
    <div class="selector">
      <div class="selector-line">
        {badge}
        <Combobox
          label={label}
          value={value.event ?? ""}
          placeholder="Any event"
          none="Any event"
          free
          choices={eventChoices}
          onPick={(choice) => onChange({ ...value, event: choice.value || null })}
        />
        {children}
        <span class="selector-actions">
          <IconButton
            icon="filter"
            label={`Conditions on ${label.toLowerCase()}`}
            pressed={open}
            onClick={() => {
              if (!open && draft === null) {
                setDraft({
                  match: "all",
                  filters: [{ property: "", of: "event", operator: "=", value: null }],
                });
              }
              if (open && pruned(draft) === null) setDraft(null);
              setOpen(!open);
            }}
          />
          {actions}
          {onRemove && <IconButton icon="close" label={`Remove ${label.toLowerCase()}`} onClick={onRemove} />}
        </span>
      </div>
      {open && <FilterEditor group={draft} event={value.event} cohorts={cohorts} onChange={write} />}
    </div>
  );
}
