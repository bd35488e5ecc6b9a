/** The steps of a funnel: who came through, who dropped off, how long it took. */
import type { FunnelStep, FunnelsAnswer } from "../answers";
import { duration, exactNumber, percent, shortNumber, valueName } from "../formats";
import { Table, type TableData } from "../parts/table";
import { nameOf } from "../questions";

interface Props {
  answer: FunnelsAnswer;
  /** Ask who was lost or came through at a step, from 1. */
  onPeople?: (step: number, outcome: "converted" | "dropped") => void;
}

export function funnelTable({ steps, breakdowns }: FunnelsAnswer): TableData {
  const lines = (of: FunnelStep[], name: string | null) =>
    of.map((step, index) => [
      ...(breakdowns.length > 0 ? [name ?? "All"] : []),
      `${index + 1}. ${nameOf(step)}`,
      step.count,
      percent(step.from_start),
      percent(step.from_previous),
      step.dropped,
      duration(step.median_seconds),
    ]);
  return {
    columns: [
      ...(breakdowns.length > 0 ? ["Value"] : []),
      "Step",
      "People",
      "Of all",
      "Of the step before",
      "Dropped",
      "Median time",
    ],
    rows: [...lines(steps, null), ...breakdowns.flatMap((one) => lines(one.steps, valueName(one.value)))],
  };
}

export function FunnelView({ answer, onPeople }: Props) {
  const { steps, breakdowns } = answer;
  const last = steps[steps.length - 1];
  const groups = breakdowns.length > 0 ? breakdowns.slice(0, 8) : [{ value: "", steps }];
  return (
    <>
      {last && (
        <p class="headline">
          <b>{percent(last.from_start)}</b> of {exactNumber(steps[0]?.count)} people came through
        </p>
      )}
      <ol class="funnel">
        {steps.map((step, index) => (
          <li key={index} class="funnel-step">
            <div class="funnel-head">
              <span class="step-number">{index + 1}</span>
              <span class="funnel-name" title={nameOf(step)}>
                {nameOf(step)}
              </span>
            </div>
            <div class="funnel-bars" aria-hidden="true">
              {groups.map((group, place) => {
                const share = group.steps[index]?.from_start ?? 0;
                return (
                  <span
                    class="funnel-bar"
                    key={group.value ?? "\u0000"}
                    style={{ color: `var(--c${place})` }}
                    title={`${breakdowns.length > 0 ? `${valueName(group.value)}: ` : ""}${percent(share)} (${exactNumber(group.steps[index]?.count)})`}
                  >
                    <i style={{ height: `${share * 100}%` }} />
                  </span>
                );
              })}
            </div>
            <StepFigures step={step} index={index} onPeople={onPeople} />
          </li>
        ))}
      </ol>
      {breakdowns.length > 0 && <BreakdownTable answer={answer} />}
    </>
  );
}

function StepFigures({
  step,
  index,
  onPeople,
}: {
  step: FunnelStep;
  index: number;
  onPeople: Props["onPeople"];
}) {
  const people = (outcome: "converted" | "dropped", text: string) =>
    onPeople && (outcome === "converted" ? step.count : step.dropped) > 0 ? (
      <button type="button" class="text-button" onClick={() => onPeople(index + 1, outcome)}>
        {text}
      </button>
    ) : (
      <span>{text}</span>
    );
  return (
    <dl class="funnel-figures">
      <div>
        <dt class="unseen">Came this far</dt>
        <dd>
          <b>{percent(step.from_start)}</b> {people("converted", `${shortNumber(step.count)} people`)}
        </dd>
      </div>
      {index > 0 && (
        <>
          <div class="dropped">
            <dt>Dropped</dt>
            <dd>
              {people("dropped", shortNumber(step.dropped))}{" "}
              <span class="faint">({percent(1 - step.from_previous)})</span>
            </dd>
          </div>
          <div>
            <dt>Median time</dt>
            <dd>{duration(step.median_seconds)}</dd>
          </div>
        </>
      )}
    </dl>
  );
}

function BreakdownTable({ answer }: { answer: FunnelsAnswer }) {
  const names = answer.steps.map((step, index) => `${index + 1}. ${nameOf(step)}`);
  return (
    <div class="table-room" role="region" aria-label="Funnel by value" tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Value</th>
            {names.map((name) => (
              <th key={name} scope="col" class="number">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {answer.breakdowns.map((one, place) => (
            <tr key={one.value ?? "\u0000"}>
              <th scope="row">
                <i class="swatch" style={{ color: `var(--c${place % 8})` }} /> {valueName(one.value)}
              </th>
              {one.steps.map((step, index) => (
                <td key={names[index]} class="number">
                  {percent(step.from_start)} <span class="faint">{shortNumber(step.count)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function FunnelTable({ answer }: { answer: FunnelsAnswer }) {
  return (
    <Table
      label="Funnel"
      data={funnelTable(answer)}
      names={answer.breakdowns.length > 0 ? 2 : 1}
      format={(value) => (typeof value === "number" ? exactNumber(value) : value)}
    />
  );
}
