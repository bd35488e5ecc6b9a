/** A filter: groups of conditions, all or any of which must hold. */
import { isGroup, MAX_DEPTH, withoutPart, withPart } from "../filters";
import type { Condition, Group, Owner } from "../questions";
import { IconButton, Segmented } from "./buttons";
import { ConditionEditor } from "./condition_editor";
import { Icon } from "./icon";

interface Props {
  group: Group | null;
  onChange: (group: Group | null) => void;
  event?: string | null;
  cohorts?: boolean;
  only?: Owner;
  depth?: number;
}

const FRESH: Condition = { property: "", of: "event", operator: "=", value: null };

export function FilterEditor({ group, onChange, event, cohorts = true, only, depth = 1 }: Props) {
  const present: Group = group ?? { match: "all", filters: [] };
  const add = (part: Condition | Group) => onChange({ ...present, filters: [...present.filters, part] });
  return (
    <div class={depth === 1 ? "filter-group" : "filter-group nested"}>
      {present.filters.length > 1 && (
        <Segmented
          label="How the conditions combine"
          value={present.match}
          options={[
            { value: "all", label: "All of" },
            { value: "any", label: "Any of" },
          ]}
          onChange={(match) => onChange({ ...present, match })}
        />
      )}
      {present.filters.map((part, index) => (
        <div class="filter-part" key={index}>
          {isGroup(part) ? (
            <FilterEditor
              group={part}
              event={event}
              cohorts={cohorts}
              only={only}
              depth={depth + 1}
              onChange={(next) =>
                onChange(next === null ? withoutPart(present, index) : withPart(present, index, next))
              }
            />
          ) : (
            <ConditionEditor
              condition={part}
              event={event}
              cohorts={cohorts}
              only={only}
              onChange={(next) => onChange(withPart(present, index, next))}
            />
          )}
          <IconButton icon="close" label="Remove" onClick={() => onChange(withoutPart(present, index))} />
        </div>
      ))}
      <div class="filter-add">
        <button type="button" class="button quiet" onClick={() => add(FRESH)}>
          <Icon name="plus" size={15} /> Condition
        </button>
        {depth < MAX_DEPTH && present.filters.length > 0 && (
          <button
            type="button"
            class="button quiet"
            onClick={() => add({ match: present.match === "all" ? "any" : "all", filters: [FRESH] })}
          >
            <Icon name="plus" size={15} /> Group of conditions
          </button>
        )}
      </div>
    </div>
  );
}
