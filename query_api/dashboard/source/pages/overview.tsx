/** How things are at a glance. */
import type preact from "preact";
import { useParameter } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { SessionsAnswer, TrendsAnswer } from "../answers";
import { duration, exactNumber, percent, shortNumber } from "../formats";
import { BreakdownCard } from "../parts/breakdown_card";
import { Card } from "../parts/card";
import { IntervalChoice } from "../parts/interval_choice";
import { LatestCard } from "../parts/latest_card";
import { RightNow } from "../parts/right_now";
import { ScopeBar } from "../parts/scope_bar";
import { States } from "../parts/states";
import { Table, useTableToggle } from "../parts/table";
import { Figure } from "../parts/tile";
import { selector } from "../questions";
import { type SharedScope, useScope } from "../scope";
import { SessionsChart, sessionsTable } from "../views/sessions_view";
import { TrendsView, trendsTable } from "../views/trends_view";

type Shown = "events" | "users" | "sessions" | "median" | "bounces";

export default function Overview() {
  const scope = useScope();
  return (
    <>
      <ScopeBar title="Overview" scope={scope}>
        <IntervalChoice scope={scope} />
      </ScopeBar>
      <Headline scope={scope} />
      <div class="grid two">
        <BreakdownCard scope={scope} title="Top events" colour={0} tabs={[["Events", "$event"]]} />
        <BreakdownCard
          scope={scope}
          title="Pages"
          colour={1}
          tabs={[
            ["Pages", "$pathname"],
            ["Screens", "screen"],
            ["Hosts", "$host"],
          ]}
        />
        <BreakdownCard
          scope={scope}
          title="Sources"
          colour={2}
          tabs={[
            ["Referrers", "$referring_domain"],
            ["Sources", "utm_source"],
            ["Campaigns", "utm_campaign"],
          ]}
        />
        <BreakdownCard
          scope={scope}
          title="Devices"
          colour={3}
          tabs={[
            ["Browsers", "$browser"],
            ["Systems", "$os"],
            ["Types", "$device_type"],
          ]}
        />
        <BreakdownCard
          scope={scope}
          title="Countries"
          colour={5}
          tabs={[
            ["Countries", "$country"],
            ["Cities", "$city"],
          ]}
        />
        <LatestCard scope={scope} />
      </div>
    </>
  );
}

/** Asked one by one: events are counted, people are estimated, and each answer says so. */
function useMeasure({ range, timezone, filter, interval, live }: SharedScope, measure: "events" | "users") {
  const label = measure === "events" ? "Events" : "People";
  return useAnswer<TrendsAnswer>({
    path: "trends",
    body: {
      range,
      timezone,
      filter,
      interval,
      series: [{ ...selector(), label, measure, property: null }],
      formula: null,
      breakdown: null,
      compare: "previous",
      cumulative: false,
    },
    every: live ? CHEAP : 0,
  });
}

function Headline({ scope }: { scope: SharedScope }) {
  const { range, timezone, filter, interval, live } = scope;
  const [shown, setShown] = useParameter<Shown>("show", "events");
  const events = useMeasure(scope, "events");
  const users = useMeasure(scope, "users");
  const sessions = useAnswer<SessionsAnswer>({
    path: "sessions",
    body: { range, timezone, interval, filter },
    every: live ? CHEAP * 3 : 0,
  });
  const trend = shown === "users" ? users : events;
  const [table, buttons] = useTableToggle("overview", () => {
    if (shown === "events" || shown === "users") return trend.data && trendsTable(trend.data);
    return sessions.data && sessionsTable(sessions.data, interval);
  });
  const [counted] = events.data?.series ?? [];
  const [people] = users.data?.series ?? [];
  const visits = sessions.data;
  const pick = (name: Shown, label: string, figure: preact.ComponentChildren) => (
    <button
      type="button"
      class="figure-button"
      aria-pressed={shown === name}
      aria-label={`Chart: ${label}`}
      onClick={() => setShown(name)}
    >
      {figure}
    </button>
  );
  const about = shown === "events" || shown === "users" ? trend.data : visits;
  return (
    <Card class="headline-card" actions={buttons} about={about}>
      <div class="figures headline-figures">
        <RightNow />
        {pick(
          "events",
          "events",
          <Figure
            label="Events"
            value={shortNumber(counted?.total)}
            full={exactNumber(counted?.total)}
            now={counted?.total}
            before={counted?.previous?.total}
          />,
        )}
        {pick(
          "users",
          "people",
          <Figure
            label="People"
            approximate={users.data?.exactness === "approximate"}
            value={shortNumber(people?.total)}
            full={exactNumber(people?.total)}
            now={people?.total}
            before={people?.previous?.total}
          />,
        )}
        {pick(
          "sessions",
          "sessions",
          <Figure label="Sessions" value={shortNumber(visits?.total)} full={exactNumber(visits?.total)} />,
        )}
        {pick(
          "median",
          "median session",
          <Figure label="Median session" value={duration(visits?.median_seconds)} />,
        )}
        {pick("bounces", "bounce rate", <Figure label="Bounce rate" value={percent(visits?.bounce_rate)} />)}
      </div>
      {shown === "events" || shown === "users" ? (
        <States answer={trend} height={270}>
          {(data) => (
            <TrendsView
              answer={data}
              kind={table ? "table" : "area"}
              height={270}
              live={live}
              legend={false}
              label={shown === "events" ? "Events over time" : "People over time"}
            />
          )}
        </States>
      ) : (
        <States answer={sessions} height={270}>
          {(data) =>
            table ? (
              <Table
                label="Sessions"
                data={sessionsTable(data, interval)}
                format={(value) => (typeof value === "number" ? exactNumber(value) : (value ?? "–"))}
              />
            ) : (
              <SessionsChart answer={data} interval={interval} measure={shown} live={live} height={270} />
            )
          }
        </States>
      )}
    </Card>
  );
}
