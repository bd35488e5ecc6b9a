/** Ranges of time as people choose them. */

import { wallClock } from "./formats";
import type { Interval, Range } from "./questions";

export interface Preset {
  label: string;
  short: string;
  range: Range;
}

export const PRESETS: Preset[] = [
  { label: "Last 30 minutes", short: "30 min", range: { from: "-30m", to: "now" } },
  { label: "Last 24 hours", short: "24 hours", range: { from: "-24h", to: "now" } },
  { label: "Last 7 days", short: "7 days", range: { from: "-7d", to: "now" } },
  { label: "Last 30 days", short: "30 days", range: { from: "-30d", to: "now" } },
  { label: "Last 12 weeks", short: "12 weeks", range: { from: "-12w", to: "now" } },
  { label: "Last 12 months", short: "12 months", range: { from: "-365d", to: "now" } },
];

export const STANDARD: Range = { from: "-7d", to: "now" };

const UNITS: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** How many seconds a range spans; an open end is now. */
export function spanSeconds({ from, to }: Range, now = Date.now()): number {
  return Math.max(0, (instant(to, now, true) - instant(from, now, false)) / 1000);
}

function instant(text: string, now: number, ends: boolean): number {
  const past = /^-(\d{1,6})([mhdw])$/.exec(text);
  if (past) return now - Number(past[1]) * (UNITS[past[2] ?? ""] ?? 0) * 1000;
  if (text === "now") return now;
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed)) return now;
  return ends && text.length === 10 ? parsed + 86_400_000 : parsed;
}

/** The intervals that make between a few and a few hundred points. */
export function intervalsFor(range: Range, now = Date.now()): Interval[] {
  const seconds = spanSeconds(range, now);
  const fits: [Interval, number][] = [
    ["minute", 60],
    ["hour", 3600],
    ["day", 86_400],
    ["week", 604_800],
    ["month", 2_600_000],
  ];
  const good = fits.filter(([, length]) => seconds / length <= 1500 && seconds / length >= 1);
  return good.length > 0 ? good.map(([name]) => name) : ["minute"];
}

/** The interval for a range when nobody chose one. */
export function standardInterval(range: Range, now = Date.now()): Interval {
  const seconds = spanSeconds(range, now);
  if (seconds <= 3 * 3600) return "minute";
  if (seconds <= 3 * 86_400) return "hour";
  if (seconds <= 100 * 86_400) return "day";
  return seconds <= 400 * 86_400 ? "week" : "month";
}

/** Whether new events change the answer. */
export function endsNow({ to }: Range): boolean {
  return to === "now";
}

export function rangeName(range: Range): string {
  const preset = PRESETS.find((one) => one.range.from === range.from && one.range.to === range.to);
  if (preset) return preset.label;
  const past = /^-(\d{1,6})([mhdw])$/.exec(range.from);
  if (past && range.to === "now") {
    const unit = { m: "minutes", h: "hours", d: "days", w: "weeks" }[past[2] as "m"];
    return `Last ${past[1]} ${unit}`;
  }
  if (range.from === range.to) return shortDate(range.from);
  return `${shortDate(range.from)} – ${shortDate(range.to)}`;
}

function shortDate(text: string): string {
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return text;
  const { day, month, year, time } = wallClock(text);
  return `${day} ${month} ${year}${time ? ` ${time}` : ""}`;
}

/** All time zones that this browser knows, UTC first. */
export function zoneNames(): string[] {
  const names = Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC");
  return ["UTC", ...names];
}

export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
