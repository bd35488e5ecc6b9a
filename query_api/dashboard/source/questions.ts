/** What the page asks the query API, in its words. */

export type Scalar = string | number | boolean;
/** Begins an owner that is a group; the type of the group follows. */
export const GROUP = "group:";
export type Owner = "event" | "person" | "session" | `${typeof GROUP}${string}`;
/** What an event calls its group, as a property of the group. */
export const GROUP_KEY = "$group_key";

export const OPERATORS = [
  "=",
  "!=",
  "contains",
  "not_contains",
  "regex",
  "not_regex",
  ">",
  ">=",
  "<",
  "<=",
  "between",
  "is_set",
  "is_not_set",
  "in_cohort",
  "not_in_cohort",
] as const;
export type Operator = (typeof OPERATORS)[number];

export interface Condition {
  property: string;
  of: Owner;
  operator: Operator;
  value: Scalar | Scalar[] | null;
}

export interface Group {
  match: "all" | "any";
  filters: (Condition | Group)[];
}

export interface Selector {
  event: string | null;
  filter: Group | null;
  label: string | null;
}

export const MEASURES = [
  "events",
  "users",
  "events_per_user",
  "sum",
  "average",
  "minimum",
  "maximum",
  "median",
  "p90",
  "p95",
  "p99",
] as const;
export type Measure = (typeof MEASURES)[number];

export interface SeriesQuestion extends Selector {
  measure: Measure;
  property: string | null;
}

export interface Breakdown {
  property: string;
  of: Owner;
  limit: number;
}

export type Interval = "minute" | "hour" | "day" | "week" | "month";

export interface Range {
  from: string;
  to: string;
}

/** What the bar above every view sets. */
export interface Scope {
  range: Range;
  timezone: string;
  filter: Group | null;
}

export interface TrendsQuestion extends Scope {
  interval: Interval;
  series: SeriesQuestion[];
  formula: string | null;
  breakdown: Breakdown | null;
  compare: "previous" | null;
  cumulative: boolean;
}

export interface FunnelsQuestion extends Scope {
  steps: Selector[];
  order: "ordered" | "strict" | "any";
  window: string;
  breakdown: Breakdown | null;
}

export interface RetentionQuestion extends Scope {
  interval: "day" | "week" | "month";
  periods: number;
  start: Selector;
  returning: Selector;
  kind: "first_time" | "recurring";
}

export interface StickinessQuestion extends Omit<Scope, "filter"> {
  interval: "day" | "week" | "month";
  series: Selector[];
}

export interface PathsQuestion extends Scope {
  by: string;
  from_step: string | null;
  to_step: string | null;
  depth: number;
  limit: number;
  gap: string;
}

export interface SessionsQuestion extends Scope {
  interval: Interval;
}

export interface BreakdownQuestion extends Omit<Scope, "filter"> {
  selector: Selector;
  measure: Measure;
  property: string | null;
  breakdown: Breakdown;
}

export interface UsersQuestion {
  range: Range | null;
  timezone: string;
  search: string | null;
  filter: Group | null;
  limit: number;
  cursor: string | null;
}

export type Rule =
  | { kind: "property"; filter: Group }
  | {
      kind: "behaviour";
      selector: Selector;
      times: { operator: ">=" | "<=" | "="; count: number };
      within: string;
    }
  | { kind: "not"; rule: Rule };

export interface Definition {
  match: "all" | "any";
  rules: Rule[];
}

export const TILE_KINDS = [
  "trends",
  "funnels",
  "retention",
  "stickiness",
  "paths",
  "sessions",
  "breakdown",
  "text",
] as const;
export type TileKind = (typeof TILE_KINDS)[number];

/** How the numbers of trends are drawn; `null`: as a tile of its kind usually is. */
export type TileChart = "line" | "area" | "bar" | "table" | "number" | null;

export interface Tile {
  title: string;
  kind: TileKind;
  question: Record<string, unknown>;
  width: number;
  chart: TileChart;
}

export function selector(event: string | null = null): Selector {
  return { event, filter: null, label: null };
}

/** How a selector is called where it has no label of its own. */
export function nameOf(chosen: { event: string | null; label?: string | null }): string {
  return chosen.label || chosen.event || "Any event";
}
