/** The explorer of paths. */
import { useParameter } from "../address";
import { COSTLY, useAnswer } from "../answer";
import type { PathsAnswer } from "../answers";
import { propertyChoices, valueChoices } from "../catalogue";
import { propertyName } from "../filters";
import { AddToDashboard } from "../parts/add_to_dashboard";
import { Choice, IconButton } from "../parts/buttons";
import { Card } from "../parts/card";
import { Combobox } from "../parts/combobox";
import { ScopeBar } from "../parts/scope_bar";
import { States } from "../parts/states";
import { useTableToggle } from "../parts/table";
import type { PathsQuestion } from "../questions";
import { useScope } from "../scope";
import { PathsTable, PathsView, pathsTable } from "../views/paths_view";

export default function Paths() {
  const scope = useScope();
  const [by, setBy] = useParameter("by", "event");
  const [fromStep, setFromStep] = useParameter("start", "");
  const [toStep, setToStep] = useParameter("end", "");
  const [depth, setDepth] = useParameter("depth", 5);
  const [limit, setLimit] = useParameter("limit", 12);
  const [gap, setGap] = useParameter("gap", "30m");
  const { range, timezone, filter, live } = scope;
  const question: PathsQuestion = {
    range,
    timezone,
    filter,
    by,
    from_step: fromStep || null,
    to_step: toStep || null,
    depth,
    limit,
    gap,
  };
  const answer = useAnswer<PathsAnswer>({ path: "paths", body: question, every: live ? COSTLY : 0 });
  const [table, buttons] = useTableToggle("paths", () => answer.data && pathsTable(answer.data));
  const places = (search: string) => valueChoices(by === "event" ? "$event" : by, "event", search);
  return (
    <>
      <ScopeBar title="Paths" scope={scope}>
        <AddToDashboard kind="paths" question={question} />
      </ScopeBar>
      <div class="explorer">
        <Card class="question" title="Steps of a path">
          <div class="question-row">
            <div class="choice">
              <span class="choice-label">Steps are</span>
              <Combobox
                label="Steps are"
                value={by === "event" ? "" : by}
                placeholder="Events"
                none="Events"
                free
                display={propertyName}
                choices={async (search) =>
                  (await propertyChoices(search, "event")).filter((one) => one.kind !== "number")
                }
                onPick={(choice) => setBy(choice.value || "event")}
              />
            </div>
            <Ends label="Beginning at" value={fromStep} onChange={setFromStep} places={places} />
            <Ends label="Ending at" value={toStep} onChange={setToStep} places={places} />
          </div>
          <div class="question-row">
            <Choice
              label="Steps"
              value={String(depth)}
              options={[2, 3, 4, 5, 6, 7, 8, 10].map((one) => ({ value: String(one), label: String(one) }))}
              onChange={(value) => setDepth(Number(value))}
            />
            <Choice
              label="Links a step, at most"
              value={String(limit)}
              options={[...new Set([5, 8, 12, 20, 40, 100, limit])]
                .sort((a, b) => a - b)
                .map((one) => ({ value: String(one), label: String(one) }))}
              onChange={(value) => setLimit(Number(value))}
            />
            <Choice
              label="A path ends after"
              value={gap}
              options={[
                { value: "10m", label: "10 quiet minutes" },
                { value: "30m", label: "30 quiet minutes" },
                { value: "2h", label: "2 quiet hours" },
                { value: "24h", label: "A quiet day" },
              ]}
              onChange={setGap}
            />
          </div>
        </Card>
        <Card class="result" title="Paths" about={answer.data} actions={buttons}>
          <States answer={answer} height={420} isEmpty={(data) => data.nodes.length === 0}>
            {(data) =>
              table ? (
                <PathsTable answer={data} />
              ) : (
                <PathsView answer={data} onPick={(node) => setFromStep(node.name)} />
              )
            }
          </States>
          <p class="faint hint">Choose a step in the chart to see the paths that begin there.</p>
        </Card>
      </div>
    </>
  );
}

interface EndsProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  places: Parameters<typeof Combobox>[0]["choices"];
}

function Ends({ label, value, onChange, places }: EndsProps) {
  return (
    <div class="choice">
      <span class="choice-label">{label}</span>
      <span class="breakdown-choice">
        <Combobox
          label={label}
          value={value}
          placeholder="Anything"
          none="Anything"
          free
          choices={places}
          onPick={(choice) => onChange(choice.value)}
        />
        {value && <IconButton icon="close" label={`${label}: anything`} onClick={() => onChange("")} />}
      </span>
    </div>
  );
}
