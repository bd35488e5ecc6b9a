/** One series of a trend: which events, and what of them is counted. */
import { propertyChoices } from "../catalogue";
import { propertyName } from "../filters";
import { MEASURES, type Measure, type SeriesQuestion } from "../questions";
import { Choice } from "./buttons";
import { Combobox } from "./combobox";
import { SelectorEditor } from "./selector_editor";

export const MEASURE_NAMES: Record<Measure, string> = {
  events: "Events",
  users: "People",
  events_per_user: "Events a person",
  sum: "Sum of",
  average: "Average of",
  minimum: "Least",
  maximum: "Most",
  median: "Median of",
  p90: "90th percentile of",
  p95: "95th percentile of",
  p99: "99th percentile of",
};

const WITHOUT_PROPERTY: Measure[] = ["events", "users", "events_per_user"];

interface Props {
  letter: string;
  value: SeriesQuestion;
  onChange: (value: SeriesQuestion) => void;
  onRemove?: () => void;
}

export function SeriesEditor({ letter, value, onChange, onRemove }: Props) {
  const needsProperty = !WITHOUT_PROPERTY.includes(value.measure);
  return (
    <SelectorEditor
      label={`Series ${letter}`}
      badge={<span class="series-letter">{letter}</span>}
      value={value}
      onChange={onChange}
      onRemove={onRemove}
    >
      <Choice
        label={`Measure of series ${letter}`}
        hideLabel
        value={value.measure}
        options={MEASURES.map((one) => ({ value: one, label: MEASURE_NAMES[one] }))}
        onChange={(measure) =>
          onChange({
            ...value,
            measure,
            property: WITHOUT_PROPERTY.includes(measure) ? null : (value.property ?? "amount"),
          })
        }
      />
      {needsProperty && (
        <Combobox
          label={`Property of series ${letter}`}
          value={value.property ?? ""}
          placeholder="Property"
          free
          display={propertyName}
          choices={async (search) =>
            (await propertyChoices(search, "event", value.event)).filter(
              (one) => one.kind !== "text" || search !== "",
            )
          }
          onPick={(choice) => choice.value && onChange({ ...value, property: choice.value })}
        />
      )}
    </SelectorEditor>
  );
}
