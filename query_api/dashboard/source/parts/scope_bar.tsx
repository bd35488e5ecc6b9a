/** The bar above every view: its name, what it can do, and the filter, range and zone that all of them share. */
import type { ComponentChildren } from "preact";
import type { SharedScope } from "../scope";
import { FilterBar } from "./filter_bar";
import { RangePicker } from "./range_picker";
import { ZonePicker } from "./zone_picker";

interface Props {
  title: string;
  scope?: SharedScope;
  /** Views that a filter does not apply to. */
  plain?: boolean;
  children?: ComponentChildren;
}

export function ScopeBar({ title, scope, plain, children }: Props) {
  return (
    <header class="scope-bar">
      <h1>{title}</h1>
      <div class="scope-tools">{children}</div>
      {scope && (
        <div class="scope-controls">
          {!plain && (
            <div class="scope-filters">
              <FilterBar filter={scope.filter} />
            </div>
          )}
          <div class="scope-times">
            <RangePicker range={scope.range} />
            <ZonePicker zone={scope.timezone} />
          </div>
        </div>
      )}
    </header>
  );
}
