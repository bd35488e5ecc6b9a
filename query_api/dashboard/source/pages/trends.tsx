/** The explorer of numbers over time. */
import { useParameter } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { TrendsAnswer } from "../answers";
import { AddToDashboard } from "../parts/add_to_dashboard";
import { BreakdownChoice } from "../parts/breakdown_choice";
import { Segmented, Switch } from "../parts/buttons";
import { Card } from "../parts/card";
import { ExportButton } from "../parts/export_button";
import { Icon } from "../parts/icon";
import { ScopeBar } from "../parts/scope_bar";
import { SeriesEditor } from "../parts/series_editor";
import { States } from "../parts/states";
import { useTableToggle } from "../parts/table";
import { type Breakdown, type SeriesQuestion, selector, type TrendsQuestion } from "../questions";
import { useScope } from "../scope";
import { type TrendsKind, TrendsView, trendsTable } from "../views/trends_view";
import { IntervalChoice } from "../parts/interval_choice";

const FIRST: SeriesQuestion[] = [{ ...selector(), measure: "events", property: null }];
const MOST = 10;

export default function Trends() {
  const scope = useScope();
  const [series, setSeries] = useParameter("series", FIRST);
  const [formula, setFormula] = useParameter("formula", "");
  const [breakdown, setBreakdown] = useParameter<Breakdown | null>("breakdown", null);
  const [compare, setCompare] = useParameter("compare", false);
  const [cumulative, setCumulative] = useParameter("cumulative", false);
  const [kind, setKind] = useParameter<Exclude<TrendsKind, "table">>("chart", "line");
  const { range, timezone, filter, interval, live } = scope;
  const question: TrendsQuestion = {
    range,
    timezone,
    filter,
    interval,
    series,
    formula: formula || null,
    breakdown,
    compare: compare ? "previous" : null,
    cumulative,
  };
  const answer = useAnswer<TrendsAnswer>({ path: "trends", body: question, every: live ? CHEAP : 0 });
  const [table, buttons] = useTableToggle("trends", () => answer.data && trendsTable(answer.data));
  return (
    <>
      <ScopeBar title="Trends" scope={scope}>
        <IntervalChoice scope={scope} />
        <ExportButton scope={scope} />
        <AddToDashboard kind="trends" question={question} chart={table ? "table" : kind} />
      </ScopeBar>
      <div class="explorer beside">
        <Card class="question" title="Series">
          <div class="series-list">
            {series.map((one, index) => (
              <SeriesEditor
                key={index}
                letter={String.fromCharCode(65 + index)}
                value={one}
                onChange={(next) => setSeries(series.map((old, at) => (at === index ? next : old)))}
                onRemove={
                  series.length > 1 ? () => setSeries(series.filter((_, at) => at !== index)) : undefined
                }
              />
            ))}
          </div>
          {series.length < MOST && (
            <button type="button" class="button quiet" onClick={() => setSeries([...series, ...FIRST])}>
              <Icon name="plus" size={15} /> Series
            </button>
          )}
          <div class="question-row">
            <BreakdownChoice value={breakdown} onChange={setBreakdown} />
            <Formula value={formula} onChange={setFormula} />
          </div>
          <div class="question-row">
            <Switch label="Compare with the period before" on={compare} onChange={setCompare} />
            <Switch label="Cumulative" on={cumulative} onChange={setCumulative} />
          </div>
        </Card>
        <Card
          title="Trend"
          class="result"
          about={answer.data}
          actions={
            <>
              <Segmented
                label="Chart"
                value={kind}
                options={[
                  { value: "line", label: "Lines" },
                  { value: "area", label: "Area" },
                  { value: "bar", label: "Columns" },
                  { value: "number", label: "Figures" },
                ]}
                onChange={setKind}
              />
              {buttons}
            </>
          }
        >
          <States answer={answer} height={380}>
            {(data) => <TrendsView answer={data} kind={table ? "table" : kind} height={340} live={live} />}
          </States>
        </Card>
      </div>
    </>
  );
}

function Formula({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <label class="choice">
      <span class="choice-label">Formula</span>
      <input
        class="field code-field"
        placeholder="A / B * 100"
        value={value}
        spellcheck={false}
        onChange={(event) => onChange(event.currentTarget.value.trim())}
      />
    </label>
  );
}
