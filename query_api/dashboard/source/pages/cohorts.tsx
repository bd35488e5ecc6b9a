/** Groups of people who have something in common. */
import { useState } from "preact/hooks";
import { linkTo } from "../address";
import { useAnswer } from "../answer";
import type { Cohort } from "../answers";
import { ask, said } from "../client";
import { describe } from "../filters";
import { dateTime, exactNumber } from "../formats";
import { IconButton } from "../parts/buttons";
import { Card } from "../parts/card";
import { CohortEditor } from "../parts/cohort_editor";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, States } from "../parts/states";
import { nameOf, type Rule } from "../questions";
import { useScope } from "../scope";
import { toast } from "../toasts";

export default function Cohorts() {
  const { timezone } = useScope();
  const answer = useAnswer<{ cohorts: Cohort[] }>({ path: "cohorts" });
  const [editing, setEditing] = useState<Cohort | "new" | null>(null);
  const remove = async (cohort: Cohort) => {
    if (!confirm(`Delete the cohort “${cohort.name}”?`)) return;
    try {
      await ask(`cohorts/${cohort.cohort_id}`, { method: "DELETE" });
      answer.again();
    } catch (reason) {
      toast(said(reason));
    }
  };
  return (
    <>
      <ScopeBar title="Cohorts">
        <button type="button" class="button primary" onClick={() => setEditing("new")}>
          <Icon name="plus" size={15} /> New cohort
        </button>
      </ScopeBar>
      <Card>
        <States
          answer={answer}
          isEmpty={(data) => data.cohorts.length === 0}
          empty={
            <Empty title="No cohorts yet">
              <p class="faint">
                A cohort is a group of people by what they are or did. Every filter can ask for it.
              </p>
            </Empty>
          }
        >
          {(data) => (
            <ul class="cohorts">
              {data.cohorts.map((cohort) => (
                <li key={cohort.cohort_id}>
                  <div class="cohort-what">
                    <strong>{cohort.name}</strong>
                    <span class="faint">
                      {cohort.definition.rules
                        .map(ruleWords)
                        .join(cohort.definition.match === "all" ? ", and " : ", or ")}
                    </span>
                  </div>
                  <span class="cohort-count">
                    <b>{exactNumber(cohort.people)}</b> people
                    <small class="faint" title="Counted">
                      {cohort.updated_at ? dateTime(cohort.updated_at, timezone) : ""}
                    </small>
                  </span>
                  <span class="cohort-tools">
                    <Link class="icon-button" title={`People in ${cohort.name}`} to={usersOf(cohort)}>
                      <Icon name="people" />
                      <span class="unseen">People in {cohort.name}</span>
                    </Link>
                    <IconButton
                      icon="pencil"
                      label={`Edit ${cohort.name}`}
                      onClick={() => setEditing(cohort)}
                    />
                    <IconButton
                      icon="trash"
                      label={`Delete ${cohort.name}`}
                      onClick={() => void remove(cohort)}
                    />
                  </span>
                </li>
              ))}
            </ul>
          )}
        </States>
      </Card>
      {editing && (
        <CohortEditor
          cohort={editing === "new" ? null : editing}
          onClose={(saved) => {
            setEditing(null);
            if (saved) answer.again();
          }}
        />
      )}
    </>
  );
}

function usersOf(cohort: Cohort): string {
  const filter = {
    match: "all",
    filters: [{ property: "", of: "event", operator: "in_cohort", value: cohort.cohort_id }],
  };
  return linkTo("/users", { filter: JSON.stringify(filter) });
}

export function ruleWords(rule: Rule): string {
  if (rule.kind === "not") return `not (${ruleWords(rule.rule)})`;
  if (rule.kind === "property") return describe(rule.filter);
  const { operator, count } = rule.times;
  const times = { ">=": "at least", "<=": "at most", "=": "exactly" }[operator];
  const where = rule.selector.filter ? ` where ${describe(rule.selector.filter)}` : "";
  return `did ${nameOf(rule.selector)}${where} ${times} ${count}× in ${rule.within.replace("d", " days").replace("h", " hours")}`;
}
