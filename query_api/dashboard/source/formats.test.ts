import { describe, expect, it } from "vitest";
import {
  ago,
  bucketName,
  bucketTick,
  bytes,
  change,
  dateTime,
  duration,
  exactNumber,
  percent,
  shortNumber,
  valueName,
} from "./formats";

describe("numbers", () => {
  it("are exact up to 9,999 and short beyond", () => {
    expect([0, 0.5, 999, 1234, 9999].map(shortNumber)).toEqual(["0", "0.5", "999", "1,234", "9,999"]);
    expect([10_000, 12_345, 999_499, 999_600, 1_234_567, 2e9].map(shortNumber)).toEqual([
      "10k",
      "12.3k",
      "999k",
      "1M",
      "1.23M",
      "2B",
    ]);
    expect(shortNumber(-12_345)).toBe("-12.3k");
    expect([null, undefined].map(shortNumber)).toEqual(["–", "–"]);
    expect(exactNumber(1_234_567.891)).toBe("1,234,568");
    expect(exactNumber(3.14159)).toBe("3.14");
  });

  it("are percentages with a digit where it matters", () => {
    expect([0, 0.004, 0.05, 0.1234, 0.5, 1].map(percent)).toEqual([
      "0%",
      "0.4%",
      "5.0%",
      "12.3%",
      "50%",
      "100%",
    ]);
    expect(percent(null)).toBe("–");
  });

  it("are changes only against something", () => {
    expect(change(150, 100)).toBeCloseTo(0.5);
    expect(change(1, 0)).toBeNull();
    expect(change(1, null)).toBeNull();
  });

  it("are sizes", () => {
    expect([0, 999, 1000, 12_345_678, 999_999].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1 kB",
      "12.3 MB",
      "1 MB",
    ]);
  });
});

describe("durations", () => {
  it("have the two largest units", () => {
    expect([0, 0.4, 3.78, 59.6, 80, 3600, 11_100, 90_000, 187_200].map(duration)).toEqual([
      "0s",
      "400ms",
      "3.8s",
      "1m",
      "1m 20s",
      "1h",
      "3h 5m",
      "1d 1h",
      "2d 4h",
    ]);
  });

  it("are told from now", () => {
    expect([0.42, 45, 200, 9000, 400_000, -3].map(ago)).toEqual([
      "0.4 s ago",
      "45 s ago",
      "3 min ago",
      "3 h ago",
      "5 days ago",
      "0.0 s ago",
    ]);
  });
});

describe("times", () => {
  it("are those of the chosen zone", () => {
    expect(dateTime("2026-01-31T23:30:00Z", "Europe/Berlin")).toBe("1 Feb 2026, 00:30");
    expect(dateTime("2026-01-31T23:30:00Z", "America/New_York")).toBe("31 Jan 2026, 18:30");
  });

  it("of buckets are read from their own offset", () => {
    expect(bucketName("2026-03-29T00:00:00+01:00", "day")).toBe("29 Mar 2026");
    expect(bucketName("2026-03-29T03:00:00+02:00", "hour")).toBe("29 Mar, 03:00");
    expect(bucketTick("2026-03-29T00:00:00+01:00", "hour", true)).toBe("29 Mar");
    expect(bucketTick("2026-03-29T00:00:00+01:00", "hour", false)).toBe("00:00");
    expect(bucketTick("2026-01-01T00:00:00+01:00", "month", true)).toBe("2026");
  });
});

describe("values", () => {
  it("have names", () => {
    expect([null, "", "$other", 3, true, { a: 1 }].map(valueName)).toEqual([
      "(none)",
      "(none)",
      "Other",
      "3",
      "true",
      '{"a":1}',
    ]);
  });
});
