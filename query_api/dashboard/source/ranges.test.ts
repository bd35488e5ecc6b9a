import { describe, expect, it } from "vitest";
import { intervalsFor, rangeName, spanSeconds, standardInterval, zoneNames } from "./ranges";

const NOW = Date.parse("2026-11-23T12:00:00Z");

describe("ranges", () => {
  it("span what they say", () => {
    expect(spanSeconds({ from: "-30m", to: "now" }, NOW)).toBe(1800);
    expect(spanSeconds({ from: "-7d", to: "now" }, NOW)).toBe(604_800);
    expect(spanSeconds({ from: "2026-11-01", to: "2026-11-01" }, NOW)).toBe(86_400);
  });

  it("get an interval of neither a handful nor thousands of points", () => {
    const of = (from: string) => standardInterval({ from, to: "now" }, NOW);
    expect(["-30m", "-24h", "-7d", "-30d", "-365d", "-1000d"].map(of)).toEqual([
      "minute",
      "hour",
      "day",
      "day",
      "week",
      "month",
    ]);
    for (const from of ["-1m", "-30m", "-24h", "-7d", "-30d", "-12w", "-365d", "-2000d"]) {
      expect(intervalsFor({ from, to: "now" }, NOW)).toContain(of(from));
    }
  });

  it("have names", () => {
    expect(rangeName({ from: "-7d", to: "now" })).toBe("Last 7 days");
    expect(rangeName({ from: "-3h", to: "now" })).toBe("Last 3 hours");
    expect(rangeName({ from: "2026-11-01", to: "2026-11-03" })).toBe("1 Nov 2026 – 3 Nov 2026");
    expect(rangeName({ from: "2026-11-01", to: "2026-11-01" })).toBe("1 Nov 2026");
  });

  it("begin with UTC when zones are listed", () => {
    expect(zoneNames()[0]).toBe("UTC");
    expect(zoneNames()).toContain("Europe/Berlin");
  });
});
