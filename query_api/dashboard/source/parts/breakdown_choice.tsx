/** By which property to tell things apart. */
import { propertyChoices } from "../catalogue";
import { propertyName } from "../filters";
import type { Breakdown } from "../questions";
import { IconButton } from "./buttons";
import { Combobox } from "./combobox";

interface Props {
  value: Breakdown | null;
  onChange: (value: Breakdown | null) => void;
}

export function BreakdownChoice({ value, onChange }: Props) {
  return (
    <div class="choice">
      <span class="choice-label">Break down by</span>
      <span class="breakdown-choice">
        <Combobox
          label="Break down by"
          value={value?.property ?? ""}
          of={value?.of}
          placeholder="Nothing"
          none="Nothing"
          free
          display={propertyName}
          choices={(search) => propertyChoices(search, null)}
          onPick={(choice) =>
            onChange(
              choice.value
                ? { property: choice.value, of: choice.of ?? "event", limit: value?.limit ?? 6 }
                : null,
            )
          }
        />
        {value && <IconButton icon="close" label="No breakdown" onClick={() => onChange(null)} />}
      </span>
    </div>
  );
}
