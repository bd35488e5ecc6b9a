/** What the query API answers. */
import type { Definition, Interval, Owner, Scalar, Tile } from "./questions";

export type Exactness = "exact" | "approximate";

/** What every answer that counts something says about itself. */
export interface Provenance {
  as_of?: string | null;
  exactness?: Exactness;
  source?: string;
}

export interface Point {
  time: string;
  value: number | null;
}

export interface Series {
  key: string;
  event: string | null;
  label: string | null;
  breakdown: string | null;
  points: Point[];
  total: number | null;
  previous: { points: Point[]; total: number | null } | null;
}

export interface TrendsAnswer extends Provenance {
  interval: Interval;
  timezone: string;
  from: string;
  to: string;
  series: Series[];
}

export interface FunnelStep {
  event: string | null;
  label: string | null;
  count: number;
  from_start: number;
  from_previous: number;
  dropped: number;
  median_seconds: number | null;
  average_seconds: number | null;
}

export interface FunnelsAnswer extends Provenance {
  steps: FunnelStep[];
  breakdowns: { value: string | null; steps: FunnelStep[] }[];
}

export interface FunnelPeopleAnswer extends Provenance {
  people: { person_id: string; distinct_id: string; reached_at: string }[];
  next: string | null;
}

export interface RetentionAnswer extends Provenance {
  rows: { start: string; size: number; counts: (number | null)[] }[];
  average: (number | null)[];
}

export interface StickinessAnswer extends Provenance {
  intervals: number;
  series: { event: string | null; label: string | null; counts: number[] }[];
}

export interface PathNode {
  id: string;
  step: number;
  name: string;
  people: number;
}

export interface PathLink {
  source: string;
  target: string;
  people: number;
  median_seconds: number | null;
}

export interface PathsAnswer extends Provenance {
  nodes: PathNode[];
  links: PathLink[];
}

export interface SessionsAnswer extends Provenance {
  total: number;
  people: number;
  average_seconds: number | null;
  median_seconds: number | null;
  bounce_rate: number | null;
  events_per_session: number | null;
  points: { time: string; sessions: number; median_seconds: number | null; bounce_rate: number | null }[];
  durations: { from_seconds: number; to_seconds: number | null; sessions: number }[];
  entries: { event: string | null; sessions: number }[];
  exits: { event: string | null; sessions: number }[];
}

export interface BreakdownAnswer extends Provenance {
  rows: { value: string | null; count: number | null; share: number | null }[];
  total: number | null;
}

export interface EventRow {
  event_id: string;
  event: string;
  distinct_id: string;
  person_id: string | null;
  timestamp: string;
  received_at: string;
  session_id: string | null;
  properties: Record<string, unknown>;
  context: Record<string, unknown>;
  source: string;
}

export interface Person {
  person_id: string;
  distinct_ids: string[];
  properties: Record<string, unknown>;
  first_seen: string | null;
  last_seen: string | null;
  events: number;
}

export interface UsersAnswer extends Provenance {
  users: Person[];
  next: string | null;
}

export interface PersonAnswer extends Person, Provenance {
  sessions: number;
  top_events: { event: string; count: number }[];
}

export interface EventsAnswer extends Provenance {
  events: EventRow[];
  next: string | null;
}

export interface CatalogueEvents extends Provenance {
  events: { event: string; count: number; last_seen: string | null }[];
}

export interface CatalogueGroups extends Provenance {
  groups: { type: string; of: Owner; count: number }[];
}

export interface CatalogueProperties extends Provenance {
  properties: { property: string; of: Owner; kind: "text" | "number" | "boolean" | "mixed"; count: number }[];
}

export interface CatalogueValues extends Provenance {
  values: { value: Scalar; count: number }[];
}

export interface Cohort {
  cohort_id: number;
  name: string;
  definition: Definition;
  people: number | null;
  updated_at: string | null;
}

export interface RejectedEvent {
  number: number;
  received_at: string;
  reason: string;
  message: string;
  event_id: string | null;
  source: string | null;
  rejected_by: string;
  replayed_at: string | null;
  payload: string;
  payload_base64: string | null;
}

export interface RejectedAnswer extends Provenance {
  rejected: RejectedEvent[];
  next: number | null;
}

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  elapsed_ms: number;
}

export interface Dashboard {
  dashboard_id: number;
  name: string;
  tiles: Tile[];
  updated_at?: string | null;
  token?: string | null;
  shared?: boolean;
}

export interface PipelineAnswer extends Provenance {
  partitions: {
    partition: number;
    stored_offset: number | null;
    lag_messages: number | null;
    lag_seconds: number | null;
  }[];
  acknowledged_per_second: number | null;
  stored_per_second: number | null;
  spool: { messages: number; bytes: number } | null;
  silent: string[];
  rejected_last_hour: { reason: string; count: number }[];
  events_today: number | null;
  stores: Record<string, { bytes: number | null; rows: number | null } | null>;
}

export interface Me {
  project_id: number;
  project_name: string;
  timezone_default: string;
  first_event: boolean;
}
