/** The most frequent values of a property, or of one of several. */
import { useState } from "preact/hooks";
import { CHEAP, useAnswer } from "../answer";
import type { BreakdownAnswer } from "../answers";
import { narrowed } from "../filters";
import { countryName, valueName } from "../formats";
import { selector } from "../questions";
import type { SharedScope } from "../scope";
import { barsOf } from "../views/tile_view";
import { BarList } from "./bar_list";
import { Segmented, Tabs } from "./buttons";
import { Card } from "./card";
import { setFilter } from "./filter_bar";
import { States } from "./states";

interface BreakdownCardProps {
  scope: SharedScope;
  title: string;
  colour: number;
  tabs: [string, string][];
}

export function BreakdownCard({ scope, title, colour, tabs }: BreakdownCardProps) {
  const [property, setProperty] = useState(tabs[0]?.[1] ?? "$event");
  const [people, setPeople] = useState(false);
  const { range, timezone, filter, live } = scope;
  const answer = useAnswer<BreakdownAnswer>({
    path: "breakdown",
    body: {
      range,
      timezone,
      selector: { ...selector(), filter },
      measure: people ? "users" : "events",
      property: null,
      breakdown: { property, of: "event", limit: 8 },
    },
    every: live ? CHEAP * 2 : 0,
  });
  const display = property === "$country" ? countryName : valueName;
  return (
    <Card
      title={title}
      about={answer.data}
      actions={
        <Segmented
          label={`${title}: count`}
          value={people ? "people" : "events"}
          options={[
            { value: "events", label: "Events" },
            { value: "people", label: "People" },
          ]}
          onChange={(what) => setPeople(what === "people")}
        />
      }
    >
      {tabs.length > 1 && (
        <Tabs
          label={title}
          value={property}
          onChange={setProperty}
          tabs={tabs.map(([label, value]) => ({ value, label }))}
        />
      )}
      <States answer={answer} height={264}>
        {(data) => (
          <BarList
            // Events without the property say nothing about it, unless nobody has it.
            bars={barsOf(data).filter((bar) => bar.value !== null || data.rows.length === 1)}
            colour={colour}
            unit={people ? "people" : "events"}
            display={display}
            onPick={(value) => setFilter(narrowed(filter, { property, of: "event", operator: "=", value }))}
            pickLabel={(name) => `Only where ${title.toLowerCase()} is ${name}`}
          />
        )}
      </States>
    </Card>
  );
}
