/** Filters: groups of conditions, read, changed and put into words. */
import { valueName } from "./formats";
import {
  type Condition,
  GROUP,
  type Group,
  GROUP_KEY,
  OPERATORS,
  type Operator,
  type Owner,
  type Scalar,
} from "./questions";

export const MAX_DEPTH = 3;

export const OPERATOR_NAMES: Record<Operator, string> = {
  "=": "is",
  "!=": "is not",
  contains: "contains",
  not_contains: "does not contain",
  regex: "matches",
  not_regex: "does not match",
  ">": "is above",
  ">=": "is at least",
  "<": "is below",
  "<=": "is at most",
  between: "is between",
  is_set: "is set",
  is_not_set: "is not set",
  in_cohort: "is in cohort",
  not_in_cohort: "is not in cohort",
};

const WITHOUT_VALUE: Operator[] = ["is_set", "is_not_set"];

export function isGroup(part: Condition | Group): part is Group {
  return "filters" in part;
}

export function takesValue(operator: Operator): boolean {
  return !WITHOUT_VALUE.includes(operator);
}

export function asksCohort(operator: Operator): boolean {
  return operator === "in_cohort" || operator === "not_in_cohort";
}

/** Whether a condition says enough to be asked. */
export function isComplete(part: Condition | Group): boolean {
  if (isGroup(part)) return part.filters.length > 0 && part.filters.every(isComplete);
  if (asksCohort(part.operator)) return typeof part.value === "number";
  if (part.property === "") return false;
  if (!takesValue(part.operator)) return true;
  if (part.operator === "between") return Array.isArray(part.value) && part.value.length === 2;
  if (Array.isArray(part.value)) return part.value.length > 0;
  return part.value !== null && part.value !== "";
}

/** What can be asked of a filter that is being edited: incomplete parts are left out. */
export function pruned(group: Group | null): Group | null {
  if (group === null) return null;
  const filters = group.filters
    .map((part) => (isGroup(part) ? pruned(part) : isComplete(part) ? part : null))
    .filter((part) => part !== null);
  return filters.length > 0 ? { match: group.match, filters } : null;
}

/** A filter that also asks for one more thing. */
export function narrowed(group: Group | null, condition: Condition): Group {
  if (group === null) return { match: "all", filters: [condition] };
  const same = JSON.stringify(condition);
  if (group.match === "any") return { match: "all", filters: [group, condition] };
  if (group.filters.some((part) => JSON.stringify(part) === same)) return group;
  return { match: "all", filters: [...group.filters, condition] };
}

export function withPart(group: Group, index: number, part: Condition | Group): Group {
  return { ...group, filters: group.filters.map((old, at) => (at === index ? part : old)) };
}

export function withoutPart(group: Group, index: number): Group | null {
  const filters = group.filters.filter((_, at) => at !== index);
  return filters.length > 0 ? { ...group, filters } : null;
}

/** Text from a field, as the value that was meant: numbers compare as numbers. */
export function parseValue(text: string, kind: string | null): Scalar {
  if (kind === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (kind === "number" && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text;
}

/** browser is Firefox */
export function describe(part: Condition | Group): string {
  if (isGroup(part)) {
    const words = part.filters.map((one) => (isGroup(one) ? `(${describe(one)})` : describe(one)));
    return words.join(part.match === "all" ? " and " : " or ");
  }
  if (asksCohort(part.operator)) return `${OPERATOR_NAMES[part.operator]} ${valueName(part.value)}`;
  const name = propertyName(part.property, part.of);
  if (!takesValue(part.operator)) return `${name} ${OPERATOR_NAMES[part.operator]}`;
  const values = Array.isArray(part.value) ? part.value : [part.value];
  const joined = values.map(valueName).join(part.operator === "between" ? " and " : " or ");
  return `${name} ${OPERATOR_NAMES[part.operator]} ${joined}`;
}

const NAMES: Record<string, string> = {
  $event: "Event",
  $distinct_id: "Distinct id",
  $session_id: "Session",
  $source: "Protocol",
  $current_url: "URL",
  $pathname: "Page",
  $os: "Operating system",
};

/** $device_type is Device type; what apps send keeps its name, and what groups have is said with their type. */
export function propertyName(property: string, of: Owner = "event"): string {
  if (of.startsWith(GROUP)) {
    const type = of.slice(GROUP.length);
    return property === GROUP_KEY ? type : `${type} ${propertyName(property)}`;
  }
  const known = NAMES[property];
  if (known) return known;
  if (!property.startsWith("$")) return property;
  const words = property.slice(1).replaceAll("_", " ").replace(/^utm /, "UTM ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A filter out of an address; anything else than a filter is none. */
export function parseFilter(text: string | null): Group | null {
  if (text === null) return null;
  try {
    return checkedGroup(JSON.parse(text), 1);
  } catch {
    return null;
  }
}

function checkedGroup(value: unknown, depth: number): Group | null {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return null;
  const { match, filters } = value as Partial<Group>;
  if ((match !== "all" && match !== "any") || !Array.isArray(filters) || filters.length === 0) return null;
  const parts = filters.map((part) => checkedPart(part, depth));
  return parts.every((part) => part !== null) ? { match, filters: parts } : null;
}

function checkedPart(value: unknown, depth: number): Condition | Group | null {
  if (typeof value !== "object" || value === null) return null;
  if ("filters" in value) return checkedGroup(value, depth + 1);
  const { property, of, operator, value: wanted = null } = value as Partial<Condition>;
  if (typeof property !== "string" || !operator || !OPERATORS.includes(operator)) return null;
  if (!isOwner(of)) return null;
  return { property, of, operator, value: wanted };
}

function isOwner(of: unknown): of is Owner {
  if (typeof of !== "string") return false;
  return ["event", "person", "session"].includes(of) || (of.startsWith(GROUP) && of.length > GROUP.length);
}
