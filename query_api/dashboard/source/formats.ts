/** Numbers, durations and times, written for people. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

/** 1,234 or 0.57 */
export function exactNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? whole.format(value) : fine.format(value);
}

const STEPS: [number, string][] = [
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** 12.3k; up to 9,999 as it is */
export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size < 10_000) return exactNumber(value);
  for (const [step, unit] of STEPS) {
    // What would be rounded up to 1000k is 1M.
    if (size >= step * 0.9995) {
      const part = value / step;
      return `${fine.format(Number(part.toPrecision(3)))}${unit}`;
    }
  }
  return exactNumber(value);
}

/** As short as it gets, for the marks of an axis: 5k beside 10k. */
export function axisNumber(value: number): string {
  return Math.abs(value) >= 1000 && Math.abs(value) < 10_000
    ? `${fine.format(value / 1000)}k`
    : shortNumber(value);
}

/** 0.1234 is 12.3% */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  const value = share * 100;
  const digits = value !== 0 && value < 10 ? 1 : value % 1 === 0 || value >= 99.95 || value < 0.05 ? 0 : 1;
  return `${value.toFixed(digits)}%`;
}

/** 4 s, 1m 20s, 3h 5m, 2d 4h */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return seconds === 0 ? "0s" : `${Math.max(1, Math.round(seconds * 1000))}ms`;
  if (seconds < 10) return `${Number(seconds.toFixed(1))}s`;
  const total = Math.round(seconds);
  const parts: [number, string][] = [
    [Math.floor(total / 86_400), "d"],
    [Math.floor(total / 3600) % 24, "h"],
    [Math.floor(total / 60) % 60, "m"],
    [total % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** 1.2 MB */
export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** A change against the period before: +12%, or null where there is nothing to compare with. */
export function change(now: number | null, before: number | null | undefined): number | null {
  if (now === null || before === null || before === undefined || before === 0) return null;
  return now / before - 1;
}

/** 0.4 s ago, 3 min ago, 2 days ago */
export function ago(seconds: number): string {
  const past = Math.max(0, seconds);
  if (past < 10) return `${past.toFixed(1)} s ago`;
  if (past < 90) return `${Math.round(past)} s ago`;
  if (past < 5400) return `${Math.round(past / 60)} min ago`;
  if (past < 172_800) return `${Math.round(past / 3600)} h ago`;
  return `${Math.round(past / 86_400)} days ago`;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = `${zone} ${JSON.stringify(options)}`;
  let found = clocks.get(name);
  if (!found) {
    found = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
    clocks.set(name, found);
  }
  return found;
}

/** 23 Nov 2026, 14:05:09 */
export function dateTime(instant: string | null | undefined, zone: string, seconds = false): string {
  if (!instant) return "–";
  return clock(zone, {
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
  }).format(new Date(instant));
}

/** 14:05:09 */
export function timeOfDay(instant: string, zone: string): string {
  return clock(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(new Date(instant));
}

/** Monday, 23 November */
export function dayOf(instant: string, zone: string): string {
  return clock(zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(
    new Date(instant),
  );
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The parts of a bucket's label, by the clocks of the zone that it was made for: its offset says which. */
export function wallClock(label: string): { year: number; month: string; day: number; time: string } {
  const [year = "", month = "", day = ""] = label.slice(0, 10).split("-");
  return {
    year: Number(year),
    month: MONTHS[Number(month) - 1] ?? "",
    day: Number(day),
    time: label.slice(11, 16),
  };
}

/** A bucket, in full: for tooltips and tables. */
export function bucketName(label: string, interval: string): string {
  if (interval === "period") return `Period ${label}`;
  const { year, month, day, time } = wallClock(label);
  if (interval === "month") return `${month} ${year}`;
  if (interval === "week") return `Week of ${day} ${month} ${year}`;
  if (interval === "day") return `${day} ${month} ${year}`;
  return `${day} ${month}, ${time}`;
}

/** A bucket, in short: for an axis. */
export function bucketTick(label: string, interval: string, spansDays: boolean): string {
  if (interval === "period") return label;
  const { year, month, day, time } = wallClock(label);
  if (interval === "month") return month === "Jan" ? String(year) : month;
  if (interval === "week" || interval === "day") return `${day} ${month}`;
  return spansDays && time === "00:00" ? `${day} ${month}` : time;
}

/** What a value is called where people read it. */
export function valueName(value: unknown): string {
  if (value === null || value === undefined || value === "") return "(none)";
  if (value === "$other") return "Other";
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

const COUNTRIES = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });

/** DE is Germany */
export function countryName(code: string | null): string {
  return code && /^[A-Z]{2}$/.test(code) ? (COUNTRIES.of(code) ?? code) : valueName(code);
}
