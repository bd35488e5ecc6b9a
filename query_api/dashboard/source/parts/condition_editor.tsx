/** One condition of a filter: property, operator, value. */
import { useEffect, useState } from "preact/hooks";
import type { Cohort } from "../answers";
import { propertyChoices, valueChoices } from "../catalogue";
import { ask } from "../client";
import { asksCohort, OPERATOR_NAMES, parseValue, propertyName, takesValue } from "../filters";
import { valueName } from "../formats";
import { type Condition, OPERATORS, type Operator, type Owner, type Scalar } from "../questions";
import { Chip, Choice } from "./buttons";
import { Combobox } from "./combobox";

interface Props {
  condition: Condition;
  event?: string | null;
  /** Cohorts cannot be defined by cohorts. */
  cohorts: boolean;
  /** Whose properties alone are offered. */
  only?: Owner;
  onChange: (condition: Condition) => void;
}

const MANY: Operator[] = ["=", "!="];

export function ConditionEditor({ condition, event, cohorts, only, onChange }: Props) {
  const { property, of, operator, value } = condition;
  const cohort = asksCohort(operator);
  const operators = OPERATORS.filter((one) => cohorts || !asksCohort(one));
  return (
    <div class="condition">
      {!cohort && (
        <Combobox
          label="Property"
          value={property}
          of={of}
          placeholder="Property"
          free
          display={propertyName}
          choices={(search) => propertyChoices(search, only ?? null, event)}
          onPick={(choice) =>
            onChange({ ...condition, property: choice.value, of: choice.of ?? only ?? "event", value: null })
          }
        />
      )}
      <Choice
        label="Operator"
        hideLabel
        value={operator}
        options={operators.map((one) => ({ value: one, label: OPERATOR_NAMES[one] }))}
        onChange={(next) => onChange({ ...condition, operator: next, ...cleared(condition, next) })}
      />
      {cohort ? (
        <CohortChoice
          value={typeof value === "number" ? value : null}
          onChange={(id) => onChange({ ...condition, value: id })}
        />
      ) : operator === "between" ? (
        <Between value={value} onChange={(next) => onChange({ ...condition, value: next })} />
      ) : takesValue(operator) ? (
        <Values
          condition={condition}
          event={event}
          key={`${of} ${property}`}
          onChange={(next) => onChange({ ...condition, value: next })}
        />
      ) : null}
    </div>
  );
}

/** What of the value still makes sense under another operator. */
function cleared(condition: Condition, next: Operator): Partial<Condition> {
  if (asksCohort(next)) return { property: "", of: "event", value: null };
  if (
    asksCohort(condition.operator) ||
    !takesValue(next) ||
    next === "between" ||
    condition.operator === "between"
  ) {
    return { value: null };
  }
  if (Array.isArray(condition.value) && !MANY.includes(next)) return { value: condition.value[0] ?? null };
  return {};
}

function Values({
  condition,
  event,
  onChange,
}: {
  condition: Condition;
  event?: string | null;
  onChange: (value: Scalar | Scalar[] | null) => void;
}) {
  const { property, of, operator, value } = condition;
  const many = MANY.includes(operator);
  const values = value === null ? [] : Array.isArray(value) ? value : [value];
  const add = (one: Scalar) => {
    if (!many) onChange(one);
    else if (!values.includes(one)) onChange(values.length === 0 ? one : [...values, one]);
  };
  const remove = (one: Scalar) => {
    const left = values.filter((other) => other !== one);
    onChange(left.length === 0 ? null : left.length === 1 ? (left[0] ?? null) : left);
  };
  const numeric = [">", ">=", "<", "<="].includes(operator);
  return (
    <div class="condition-values">
      {many &&
        values.map((one) => (
          <Chip key={String(one)} label={`Remove ${valueName(one)}`} onRemove={() => remove(one)}>
            {valueName(one)}
          </Chip>
        ))}
      <Combobox
        label="Value"
        value={!many && values[0] !== undefined ? String(values[0]) : ""}
        placeholder={many && values.length > 0 ? "or…" : "Value"}
        free
        choices={(search) => (property ? valueChoices(property, of, search, event) : Promise.resolve([]))}
        onPick={(choice) => add(parseValue(choice.value, choice.kind ?? (numeric ? "number" : null)))}
      />
    </div>
  );
}

function Between({
  value,
  onChange,
}: {
  value: Condition["value"];
  onChange: (value: Scalar[] | null) => void;
}) {
  const [low, high] = Array.isArray(value) ? value : [];
  const [texts, setTexts] = useState([
    low === undefined ? "" : String(low),
    high === undefined ? "" : String(high),
  ]);
  const write = (place: number, text: string) => {
    const next = texts.map((old, index) => (index === place ? text : old));
    setTexts(next);
    onChange(next.every((one) => one !== "") ? next.map((one) => parseValue(one, "number")) : null);
  };
  return (
    <span class="between">
      {texts.map((text, place) => (
        <input
          key={place}
          class="field"
          aria-label={place === 0 ? "Lowest value" : "Highest value"}
          value={text}
          onInput={(event) => write(place, event.currentTarget.value)}
        />
      ))}
    </span>
  );
}

function CohortChoice({ value, onChange }: { value: number | null; onChange: (id: number) => void }) {
  const [cohorts, setCohorts] = useState<Cohort[] | null>(null);
  useEffect(() => {
    ask<{ cohorts: Cohort[] }>("cohorts").then(
      (answer) => setCohorts(answer.cohorts),
      () => setCohorts([]),
    );
  }, []);
  if (cohorts?.length === 0) return <span class="faint">There are no cohorts yet</span>;
  return (
    <Choice
      label="Cohort"
      hideLabel
      value={value === null ? "" : String(value)}
      options={[
        { value: "", label: "Choose a cohort" },
        ...(cohorts ?? []).map((one) => ({ value: String(one.cohort_id), label: one.name })),
      ]}
      onChange={(id) => id && onChange(Number(id))}
    />
  );
}
