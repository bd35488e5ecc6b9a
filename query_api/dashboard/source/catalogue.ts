/** Names to choose from: events, properties and values that this project has sent. */

import { onKey } from "./access";
import type { CatalogueEvents, CatalogueGroups, CatalogueProperties, CatalogueValues } from "./answers";
import { ask, withQuery } from "./client";
import { GROUP_KEY, type Owner } from "./questions";

export interface Choice {
  value: string;
  hint?: string;
  kind?: string;
  of?: Owner;
}

const FIELDS: Choice[] = [
  { value: "$event", of: "event", kind: "text", hint: "event" },
  { value: "$distinct_id", of: "event", kind: "text", hint: "event" },
  { value: "$session_id", of: "event", kind: "text", hint: "event" },
  { value: "$source", of: "event", kind: "text", hint: "event" },
];
/** What events say of groups, which is offered as properties of groups. */
const ABOUT_GROUPS = ["$groups", "$group_type", "$group_key", "$group_set"];
const SESSION_FIELDS: Choice[] = [
  { value: "duration", of: "session", kind: "number", hint: "session" },
  { value: "events", of: "session", kind: "number", hint: "session" },
  { value: "entry", of: "session", kind: "text", hint: "session" },
  { value: "exit", of: "session", kind: "text", hint: "session" },
];

/** Of groups that many types are offered. */
const MOST_TYPES = 5;

const FRESH_MS = 30_000;
const kept = new Map<string, { at: number; answer: Promise<unknown> }>();
onKey(() => kept.clear());

function asked<T>(path: string): Promise<T> {
  const known = kept.get(path);
  if (known && Date.now() - known.at < FRESH_MS) return known.answer as Promise<T>;
  const answer = ask<T>(path);
  kept.set(path, { at: Date.now(), answer });
  answer.catch(() => kept.delete(path));
  return answer;
}

export async function eventChoices(search: string): Promise<Choice[]> {
  const { events } = await asked<CatalogueEvents>(withQuery("catalogue/events", { search, limit: 50 }));
  return events.map((one) => ({ value: one.event, hint: one.count.toLocaleString("en-US") }));
}

/** Properties of events, people, sessions and groups; or of one of them. */
export async function propertyChoices(
  search: string,
  of: Owner | null,
  event?: string | null,
): Promise<Choice[]> {
  const owners: Owner[] = of === null ? ["event", "person"] : of === "session" ? [] : [of];
  const [groups, ...found] = await Promise.all([
    of === null ? groupChoices(search) : [],
    ...owners.map((owner) => propertiesOf(owner, search, event)),
  ]);
  const wanted = search.toLowerCase();
  const own = [
    ...(of === "person" || of === "session" ? [] : FIELDS),
    ...(of === "event" || of === "person" ? [] : SESSION_FIELDS),
  ];
  const sent = found.flat();
  const names = new Set(sent.map((one) => `${one.of} ${one.value}`));
  return [
    ...sent,
    ...groups,
    ...own.filter((one) => one.value.includes(wanted) && !names.has(`${one.of} ${one.value}`)),
  ];
}

async function propertiesOf(of: Owner, search: string, event?: string | null): Promise<Choice[]> {
  const { properties } = await asked<CatalogueProperties>(
    withQuery("catalogue/properties", { of, event: event ?? null, search, limit: 50 }),
  );
  return properties
    .filter((one) => one.of !== "event" || !ABOUT_GROUPS.includes(one.property))
    .map((one) => ({ value: one.property, of: one.of, kind: one.kind, hint: one.of }));
}

/** Of each type of groups its key and properties: "comp" finds all that companies have, "company pl" their plan. */
async function groupChoices(search: string): Promise<Choice[]> {
  const { groups } = await asked<CatalogueGroups>(withQuery("catalogue/groups", { limit: MOST_TYPES }));
  const wanted = search.toLowerCase();
  const found = await Promise.all(
    groups.map(async ({ type, of }) => {
      const name = type.toLowerCase();
      const isMeant = name.includes(wanted);
      const rest = isMeant ? "" : wanted.startsWith(`${name} `) ? search.slice(name.length + 1) : search;
      const key: Choice = { value: GROUP_KEY, of, kind: "text", hint: "group" };
      const properties = await propertiesOf(of, rest);
      return [...(isMeant ? [key] : []), ...properties.map((one) => ({ ...one, hint: "group" }))];
    }),
  );
  return found.flat();
}

export async function valueChoices(
  property: string,
  of: Owner,
  search: string,
  event?: string | null,
): Promise<Choice[]> {
  if (of === "event" && property === "$event") return eventChoices(search);
  const { values } = await asked<CatalogueValues>(
    withQuery("catalogue/values", { property, of, event: event ?? null, search, limit: 50 }),
  );
  return values.map((one) => ({
    value: String(one.value),
    hint: one.count.toLocaleString("en-US"),
    kind: typeof one.value === "number" ? "number" : typeof one.value === "boolean" ? "boolean" : "text",
  }));
}
