/** From a saved chart back to its explorer. */
import { writeParameter } from "./address";
import type { Tile } from "./questions";
import { STANDARD } from "./ranges";

const PATHS: Partial<Record<Tile["kind"], string>> = {
  trends: "/trends",
  funnels: "/funnels",
  retention: "/retention",
  stickiness: "/retention",
  paths: "/paths",
  sessions: "/sessions",
};

/** How the parts of a question are called in the address of their explorer; `null`: not there. */
const NAMES: Partial<Record<Tile["kind"], Record<string, string | null>>> = {
  retention: { interval: "step" },
  stickiness: { interval: "step" },
  paths: { from_step: "start", to_step: "end" },
};

/** The address at which a chart can be explored; null for those without an explorer. */
export function explorerOf(tile: Tile): string | null {
  const path = PATHS[tile.kind];
  if (!path) return null;
  const query = new URLSearchParams();
  const { range, timezone, ...rest } = tile.question as Record<string, unknown> & {
    range?: { from: string; to: string };
    timezone?: string;
  };
  if (range && range.from !== STANDARD.from) query.set("from", range.from);
  if (range && range.to !== STANDARD.to) query.set("to", range.to);
  if (timezone) query.set("tz", timezone);
  if (tile.chart && tile.chart !== "table") query.set("chart", tile.chart);
  if (tile.kind === "stickiness") {
    query.set("view", "stickiness");
    const [first] = (rest.series ?? []) as unknown[];
    rest.start = first;
    delete rest.series;
  }
  for (const [name, value] of Object.entries(rest)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "compare") query.set("compare", "true");
    else query.set(NAMES[tile.kind]?.[name] ?? name, writeParameter(value));
  }
  return `${path}?${query}`;
}
