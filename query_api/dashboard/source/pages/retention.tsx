/** The explorer of coming back: retention, and on how many days the same people were there. */
import { useState } from "preact/hooks";
import { useParameter } from "../address";
import { COSTLY, useAnswer } from "../answer";
import type { RetentionAnswer, StickinessAnswer } from "../answers";
import { TimeChart } from "../charts/time_chart";
import { exactNumber, percent } from "../formats";
import { AddToDashboard } from "../parts/add_to_dashboard";
import { Choice, Segmented, Tabs } from "../parts/buttons";
import { Card } from "../parts/card";
import { ScopeBar } from "../parts/scope_bar";
import { SelectorEditor } from "../parts/selector_editor";
import { States } from "../parts/states";
import { Table, useTableToggle } from "../parts/table";
import { type RetentionQuestion, type Selector, type StickinessQuestion, selector } from "../questions";
import { type SharedScope, useScope } from "../scope";
import { RetentionView, reached, retentionTable } from "../views/retention_view";
import { StickinessView, stickinessTable } from "../views/stickiness_view";

type Step = "day" | "week" | "month";
const INTERVALS = [
  { value: "day", label: "Days" },
  { value: "week", label: "Weeks" },
  { value: "month", label: "Months" },
] as const;

export default function Retention() {
  const scope = useScope();
  const [view, setView] = useParameter<"retention" | "stickiness">("view", "retention");
  const [step, setStep] = useParameter<Step>("step", "day");
  return (
    <>
      <ScopeBar title="Retention" scope={scope}>
        <Segmented label="Interval" value={step} options={[...INTERVALS]} onChange={setStep} />
      </ScopeBar>
      <Tabs
        label="View"
        value={view}
        onChange={setView}
        tabs={[
          { value: "retention", label: "Retention" },
          { value: "stickiness", label: "Stickiness" },
        ]}
      />
      {view === "retention" ? (
        <Returning scope={scope} step={step} />
      ) : (
        <Stickiness scope={scope} step={step} />
      )}
    </>
  );
}

const PERIODS: Record<Step, number> = { day: 11, week: 9, month: 7 };

function Returning({ scope, step }: { scope: SharedScope; step: Step }) {
  const [start, setStart] = useParameter<Selector>("start", selector());
  const [returning, setReturning] = useParameter<Selector>("returning", selector());
  const [kind, setKind] = useParameter<"first_time" | "recurring">("kind", "first_time");
  const [periods, setPeriods] = useParameter("periods", PERIODS[step]);
  const [unit, setUnit] = useState<"share" | "count">("share");
  const { range, timezone, filter, live } = scope;
  const question: RetentionQuestion = {
    range,
    timezone,
    interval: step,
    periods,
    start,
    returning,
    kind,
    filter,
  };
  const answer = useAnswer<RetentionAnswer>({ path: "retention", body: question, every: live ? COSTLY : 0 });
  const [table, buttons] = useTableToggle(
    "retention",
    () => answer.data && retentionTable(answer.data, step),
  );
  return (
    <div class="explorer">
      <Card class="question" title="Who, and what they came back for">
        <div class="retention-question">
          <div>
            <span class="choice-label">Began with</span>
            <SelectorEditor label="First event" value={start} onChange={setStart} />
          </div>
          <div>
            <span class="choice-label">Came back with</span>
            <SelectorEditor label="Returning event" value={returning} onChange={setReturning} />
          </div>
        </div>
        <div class="question-row">
          <Choice
            label="Counts as beginning"
            value={kind}
            options={[
              { value: "first_time", label: "The first time ever" },
              { value: "recurring", label: "Every time" },
            ]}
            onChange={setKind}
          />
          <Choice
            label="Periods"
            value={String(periods)}
            options={[...new Set([5, 7, 9, 11, 15, 31, periods])]
              .sort((a, b) => a - b)
              .map((one) => ({ value: String(one), label: String(one) }))}
            onChange={(value) => setPeriods(Number(value))}
          />
          <AddToDashboard kind="retention" question={question} />
        </div>
      </Card>
      <Card
        class="result"
        title="Retention"
        about={answer.data}
        actions={
          <>
            <Segmented
              label="Unit"
              value={unit}
              options={[
                { value: "share", label: "%" },
                { value: "count", label: "People" },
              ]}
              onChange={setUnit}
            />
            {buttons}
          </>
        }
      >
        <States answer={answer} height={420} isEmpty={(data) => data.rows.every((row) => row.size === 0)}>
          {(data) =>
            table ? (
              <Table
                label="Retention"
                data={retentionTable(data, step)}
                format={(value) => (typeof value === "number" ? exactNumber(value) : (value ?? ""))}
              />
            ) : (
              <>
                <Curve answer={data} />
                <RetentionView answer={data} interval={step} unit={unit} open={live} />
              </>
            )
          }
        </States>
      </Card>
    </div>
  );
}

/** The average of all groups, as a curve. */
function Curve({ answer }: { answer: RetentionAnswer }) {
  const { average } = reached(answer);
  return (
    <TimeChart
      times={average.map((_, period) => String(period))}
      interval="period"
      lines={[{ name: "Came back", colour: 0, values: average }]}
      kind="area"
      format={percent}
      formatAxis={percent}
      height={160}
      label="Average retention"
      open={false}
    />
  );
}

function Stickiness({ scope, step }: { scope: SharedScope; step: Step }) {
  const [series, setSeries] = useParameter<Selector>("start", selector());
  const { range, timezone, filter, live } = scope;
  const question: StickinessQuestion = {
    range,
    timezone,
    interval: step,
    series: [withFilter(series, filter)],
  };
  const answer = useAnswer<StickinessAnswer>({
    path: "stickiness",
    body: question,
    every: live ? COSTLY : 0,
  });
  const [table, buttons] = useTableToggle("stickiness", () => answer.data && stickinessTable(answer.data));
  return (
    <div class="explorer">
      <Card class="question" title="What counts as being active">
        <SelectorEditor label="Event" value={series} onChange={setSeries} />
        <div class="question-row">
          <AddToDashboard kind="stickiness" question={question} />
        </div>
      </Card>
      <Card
        class="result"
        title={`People by the number of ${step}s on which they were active`}
        about={answer.data}
        actions={buttons}
      >
        <States
          answer={answer}
          height={300}
          isEmpty={(data) => data.series.every((one) => one.counts.every((count) => count === 0))}
        >
          {(data) =>
            table ? (
              <Table
                label="Stickiness"
                data={stickinessTable(data)}
                format={(value) => (typeof value === "number" ? exactNumber(value) : (value ?? ""))}
              />
            ) : (
              <StickinessView answer={data} />
            )
          }
        </States>
      </Card>
    </div>
  );
}

/** A question without a filter of its own gets the one of the bar through its selector. */
function withFilter(one: Selector, filter: Selector["filter"]): Selector {
  if (filter === null) return one;
  return { ...one, filter: one.filter === null ? filter : { match: "all", filters: [one.filter, filter] } };
}
