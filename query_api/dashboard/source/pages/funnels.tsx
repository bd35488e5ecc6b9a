/** The explorer of funnels. */
import { useState } from "preact/hooks";
import { linkTo, useParameter } from "../address";
import { COSTLY, useAnswer } from "../answer";
import type { FunnelPeopleAnswer, FunnelsAnswer } from "../answers";
import { dateTime } from "../formats";
import { AddToDashboard } from "../parts/add_to_dashboard";
import { BreakdownChoice } from "../parts/breakdown_choice";
import { Choice, IconButton } from "../parts/buttons";
import { Card } from "../parts/card";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { SelectorEditor } from "../parts/selector_editor";
import { Empty, States } from "../parts/states";
import { useTableToggle } from "../parts/table";
import { type Breakdown, type FunnelsQuestion, nameOf, type Selector, selector } from "../questions";
import { useScope } from "../scope";
import { useTopEvents } from "../top_events";
import { FunnelTable, FunnelView, funnelTable } from "../views/funnel_view";

const MOST = 10;
const WINDOWS = {
  "30m": "30 minutes",
  "1h": "1 hour",
  "24h": "1 day",
  "7d": "7 days",
  "14d": "14 days",
  "30d": "30 days",
  "90d": "90 days",
};

interface Asked {
  step: number;
  outcome: "converted" | "dropped";
}

export default function Funnels() {
  const scope = useScope();
  const [kept, setSteps] = useParameter<Selector[]>("steps", []);
  const [order, setOrder] = useParameter<"ordered" | "strict" | "any">("order", "ordered");
  const [window, setWindow] = useParameter("window", "14d");
  const [breakdown, setBreakdown] = useParameter<Breakdown | null>("breakdown", null);
  const [people, setPeople] = useState<Asked | null>(null);
  const top = useTopEvents();
  // Until somebody says which steps, the most frequent events are a beginning.
  const steps = kept.length > 0 ? kept : (top ?? []).slice(0, 3).map((event) => selector(event));
  const { range, timezone, filter, live } = scope;
  const question: FunnelsQuestion = { range, timezone, filter, steps, order, window, breakdown };
  const answer = useAnswer<FunnelsAnswer>({
    path: steps.length >= 2 ? "funnels" : null,
    body: question,
    every: live ? COSTLY : 0,
  });
  const [table, buttons] = useTableToggle("funnel", () => answer.data && funnelTable(answer.data));
  const move = (index: number, by: number) => {
    const next = [...steps];
    const [moved] = next.splice(index, 1);
    if (moved) next.splice(index + by, 0, moved);
    setSteps(next);
  };
  return (
    <>
      <ScopeBar title="Funnels" scope={scope}>
        <AddToDashboard kind="funnels" question={question} />
      </ScopeBar>
      <div class="explorer beside">
        <Card class="question" title="Steps">
          <div class="series-list">
            {steps.map((step, index) => (
              <SelectorEditor
                key={`${index} of ${steps.length}`}
                label={`Step ${index + 1}`}
                badge={<span class="step-number">{index + 1}</span>}
                value={step}
                onChange={(next) => setSteps(steps.map((old, at) => (at === index ? next : old)))}
                onRemove={
                  steps.length > 2 ? () => setSteps(steps.filter((_, at) => at !== index)) : undefined
                }
                actions={
                  <IconButton
                    icon="up"
                    label={`Move step ${index + 1} up`}
                    disabled={index === 0}
                    onClick={() => move(index, -1)}
                  />
                }
              />
            ))}
          </div>
          {steps.length < MOST && (
            <button type="button" class="button quiet" onClick={() => setSteps([...steps, selector()])}>
              <Icon name="plus" size={15} /> Step
            </button>
          )}
          <div class="question-row">
            <Choice
              label="Order"
              value={order}
              options={[
                { value: "ordered", label: "One after the other" },
                { value: "strict", label: "Nothing in between" },
                { value: "any", label: "In any order" },
              ]}
              onChange={setOrder}
            />
            <Choice
              label="Within"
              value={window}
              options={Object.entries(WINDOWS).map(([value, label]) => ({ value, label }))}
              onChange={setWindow}
            />
            <BreakdownChoice value={breakdown} onChange={setBreakdown} />
          </div>
        </Card>
        <Card title="Funnel" class="result" about={answer.data} actions={buttons}>
          {steps.length < 2 ? (
            <Empty title="A funnel needs two steps">
              <p class="faint">Choose the events that people should go through.</p>
            </Empty>
          ) : (
            <States answer={answer} height={380} isEmpty={(data) => data.steps[0]?.count === 0}>
              {(data) =>
                table ? (
                  <FunnelTable answer={data} />
                ) : (
                  <FunnelView answer={data} onPeople={(step, outcome) => setPeople({ step, outcome })} />
                )
              }
            </States>
          )}
        </Card>
      </div>
      {people && <People question={question} asked={people} onClose={() => setPeople(null)} />}
    </>
  );
}

function People({
  question,
  asked,
  onClose,
}: {
  question: FunnelsQuestion;
  asked: Asked;
  onClose: () => void;
}) {
  const answer = useAnswer<FunnelPeopleAnswer>({
    path: "funnels/people",
    body: { ...question, ...asked, limit: 100, cursor: null },
  });
  const step = question.steps[asked.step - 1];
  const title = `${asked.outcome === "dropped" ? "Dropped before" : "Reached"} “${step ? nameOf(step) : ""}”`;
  return (
    <Dialog title={title} onClose={onClose}>
      <States answer={answer} isEmpty={(data) => data.people.length === 0}>
        {(data) => (
          <>
            <ul class="people">
              {data.people.map((person) => (
                <li key={person.person_id}>
                  <Link to={linkTo(`/users/${encodeURIComponent(person.person_id)}`)}>
                    <Icon name="person" size={15} /> {person.distinct_id}
                  </Link>
                  <time dateTime={person.reached_at}>{dateTime(person.reached_at, question.timezone)}</time>
                </li>
              ))}
            </ul>
            {data.next && <p class="faint">The first 100 of them.</p>}
          </>
        )}
      </States>
    </Dialog>
  );
}
