/** What makes a cohort: its rules, with a count of the people while one writes. */
import { useEffect, useState } from "preact/hooks";
import type { Cohort } from "../answers";
import { ask, said } from "../client";
import { pruned } from "../filters";
import { exactNumber } from "../formats";
import { type Definition, type Rule, selector } from "../questions";
import { Choice, IconButton, Segmented, Switch } from "./buttons";
import { Dialog } from "./dialog";
import { FilterEditor } from "./filter_editor";
import { Icon } from "./icon";
import { NameField, SaveForm } from "./save_form";
import { SelectorEditor } from "./selector_editor";

interface Props {
  cohort: Cohort | null;
  onClose: (saved: boolean) => void;
}

type Plain = Exclude<Rule, { kind: "not" }>;

const FRESH: Rule = {
  kind: "behaviour",
  selector: selector(),
  times: { operator: ">=", count: 1 },
  within: "30d",
};

export function CohortEditor({ cohort, onClose }: Props) {
  const [name, setName] = useState(cohort?.name ?? "");
  const [definition, setDefinition] = useState<Definition>(
    cohort?.definition ?? { match: "all", rules: [FRESH] },
  );
  const asked = askable(definition);
  const people = usePreview(asked);
  const save = async () => {
    const body = { name: name.trim(), definition: asked };
    if (cohort === null) await ask("cohorts", { body });
    else await ask(`cohorts/${cohort.cohort_id}`, { method: "PUT", body });
    onClose(true);
  };
  const setRule = (index: number, rule: Rule | null) =>
    setDefinition({
      ...definition,
      rules: definition.rules.flatMap((old, at) => (at === index ? (rule ? [rule] : []) : [old])),
    });
  return (
    <Dialog title={cohort ? "Edit cohort" : "New cohort"} onClose={() => onClose(false)} wide>
      <SaveForm
        label="Save"
        disabled={asked === null}
        beside={
          <span class="preview" role="status">
            {people}
          </span>
        }
        save={save}
      >
        <NameField label="Name" value={name} onInput={setName} />
        <Segmented
          label="How the rules combine"
          value={definition.match}
          options={[
            { value: "all", label: "All of these" },
            { value: "any", label: "Any of these" },
          ]}
          onChange={(match) => setDefinition({ ...definition, match })}
        />
        {definition.rules.map((rule, index) => (
          <RuleEditor key={index} rule={rule} onChange={(next) => setRule(index, next)} />
        ))}
        <button
          type="button"
          class="button quiet"
          onClick={() => setDefinition({ ...definition, rules: [...definition.rules, FRESH] })}
        >
          <Icon name="plus" size={15} /> Rule
        </button>
      </SaveForm>
    </Dialog>
  );
}

/** How many people the definition has, a moment after the last change. */
function usePreview(definition: Definition | null): string {
  const [shown, setShown] = useState("");
  const text = definition === null ? null : JSON.stringify(definition);
  useEffect(() => {
    if (text === null) {
      setShown("Complete the rules to see how many people they find");
      return;
    }
    const controller = new AbortController();
    setShown("Counting…");
    const due = setTimeout(() => {
      ask<{ people: number }>("cohorts/preview", {
        body: { definition: JSON.parse(text) },
        signal: controller.signal,
      }).then(
        ({ people }) => setShown(`${exactNumber(people)} people now`),
        (reason: unknown) => {
          if (!controller.signal.aborted) setShown(said(reason));
        },
      );
    }, 300);
    return () => {
      clearTimeout(due);
      controller.abort();
    };
  }, [text]);
  return shown;
}

function askable({ match, rules }: Definition): Definition | null {
  const complete = rules.map(completeRule);
  return complete.length > 0 && complete.every((rule) => rule !== null) ? { match, rules: complete } : null;
}

function completeRule(rule: Rule): Rule | null {
  if (rule.kind === "not") {
    const inner = completeRule(rule.rule);
    return inner === null ? null : { kind: "not", rule: inner };
  }
  if (rule.kind === "behaviour") return rule.times.count >= 0 ? rule : null;
  const filter = pruned(rule.filter);
  return filter === null ? null : { kind: "property", filter };
}

function RuleEditor({ rule, onChange }: { rule: Rule; onChange: (rule: Rule | null) => void }) {
  const not = rule.kind === "not";
  const inner = (not ? rule.rule : rule) as Plain;
  const write = (next: Plain) => onChange(not ? { kind: "not", rule: next } : next);
  return (
    <fieldset class="rule">
      <div class="rule-head">
        <Segmented
          label="Kind of rule"
          value={inner.kind}
          options={[
            { value: "behaviour", label: "Did" },
            { value: "property", label: "Is" },
          ]}
          onChange={(kind) =>
            write(
              kind === "property"
                ? {
                    kind,
                    filter: {
                      match: "all",
                      filters: [{ property: "", of: "person", operator: "=", value: null }],
                    },
                  }
                : (FRESH as Plain),
            )
          }
        />
        <Switch label="Not" on={not} onChange={(on) => onChange(on ? { kind: "not", rule: inner } : inner)} />
        <IconButton icon="close" label="Remove the rule" onClick={() => onChange(null)} />
      </div>
      {inner.kind === "property" ? (
        <FilterEditor
          group={inner.filter}
          cohorts={false}
          only="person"
          onChange={(filter) => write({ kind: "property", filter: filter ?? { match: "all", filters: [] } })}
        />
      ) : (
        <>
          <SelectorEditor
            label="Event of the rule"
            value={inner.selector}
            cohorts={false}
            onChange={(chosen) => write({ ...inner, selector: chosen })}
          />
          <div class="question-row">
            <Choice
              label="Times"
              value={inner.times.operator}
              options={[
                { value: ">=", label: "At least" },
                { value: "=", label: "Exactly" },
                { value: "<=", label: "At most" },
              ]}
              onChange={(operator) => write({ ...inner, times: { ...inner.times, operator } })}
            />
            <label class="choice">
              <span class="choice-label">Count</span>
              <input
                class="field short"
                type="number"
                min={0}
                value={inner.times.count}
                onInput={(event) =>
                  write({
                    ...inner,
                    times: {
                      ...inner.times,
                      count: Math.max(0, Math.trunc(event.currentTarget.valueAsNumber) || 0),
                    },
                  })
                }
              />
            </label>
            <Choice
              label="Within the last"
              value={inner.within}
              options={[...new Set(["1d", "7d", "14d", "30d", "90d", "365d", inner.within])].map((one) => ({
                value: one,
                label: one === "1d" ? "day" : one.replace(/d$/, " days"),
              }))}
              onChange={(within) => write({ ...inner, within })}
            />
          </div>
        </>
      )}
    </fieldset>
  );
}
