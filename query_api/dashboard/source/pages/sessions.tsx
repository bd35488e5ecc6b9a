/** Visits. */
import { useParameter } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { SessionsAnswer } from "../answers";
import { narrowed } from "../filters";
import { exactNumber } from "../formats";
import { AddToDashboard } from "../parts/add_to_dashboard";
import { Segmented } from "../parts/buttons";
import { Card } from "../parts/card";
import { setFilter } from "../parts/filter_bar";
import { ScopeBar } from "../parts/scope_bar";
import { States } from "../parts/states";
import { Table, useTableToggle } from "../parts/table";
import type { SessionsQuestion } from "../questions";
import { useScope } from "../scope";
import {
  Durations,
  Ends,
  SessionFigures,
  SessionsChart,
  type SessionsMeasure,
  sessionsTable,
} from "../views/sessions_view";
import { IntervalChoice } from "../parts/interval_choice";

export default function Sessions() {
  const scope = useScope();
  const { range, timezone, filter, interval, live } = scope;
  const [measure, setMeasure] = useParameter<SessionsMeasure>("measure", "sessions");
  const question: SessionsQuestion = { range, timezone, interval, filter };
  const answer = useAnswer<SessionsAnswer>({ path: "sessions", body: question, every: live ? CHEAP * 2 : 0 });
  const [table, buttons] = useTableToggle(
    "sessions",
    () => answer.data && sessionsTable(answer.data, interval),
  );
  const only = (property: string) => (value: string) =>
    setFilter(narrowed(filter, { property, of: "session", operator: "=", value }));
  return (
    <>
      <ScopeBar title="Sessions" scope={scope}>
        <IntervalChoice scope={scope} />
        <AddToDashboard kind="sessions" question={question} />
      </ScopeBar>
      <Card
        about={answer.data}
        title="Sessions"
        actions={
          <>
            <Segmented
              label="Chart"
              value={measure}
              options={[
                { value: "sessions", label: "Count" },
                { value: "median", label: "Duration" },
                { value: "bounces", label: "Bounces" },
              ]}
              onChange={setMeasure}
            />
            {buttons}
          </>
        }
      >
        <States answer={answer} height={380}>
          {(data) => (
            <>
              <SessionFigures answer={data} />
              {table ? (
                <Table
                  label="Sessions"
                  data={sessionsTable(data, interval)}
                  format={(value) => (typeof value === "number" ? exactNumber(value) : (value ?? "–"))}
                />
              ) : (
                <SessionsChart answer={data} interval={interval} measure={measure} live={live} />
              )}
            </>
          )}
        </States>
      </Card>
      <div class="grid three">
        <Card title="How long they last">
          <States answer={answer}>{(data) => <Durations answer={data} />}</States>
        </Card>
        <Card title="They begin with">
          <States answer={answer}>
            {(data) => <Ends rows={data.entries} colour={0} onPick={only("entry")} />}
          </States>
        </Card>
        <Card title="They end with">
          <States answer={answer}>
            {(data) => <Ends rows={data.exits} colour={1} onPick={only("exit")} />}
          </States>
        </Card>
      </div>
    </>
  );
}
