import { describe, expect, it } from "vitest";
import { csv } from "./downloads";
import { explorerOf } from "./tiles";

describe("saved charts", () => {
  it("lead back to their explorer with all of their question", () => {
    const steps = [{ event: "visit", filter: null, label: null }];
    const question = {
      range: { from: "-30d", to: "now" },
      timezone: "UTC",
      steps,
      order: "strict",
      breakdown: null,
    };
    const [path, query] = (
      explorerOf({ title: "", kind: "funnels", question, width: 1, chart: null }) ?? ""
    ).split("?");
    expect(path).toBe("/funnels");
    expect(Object.fromEntries(new URLSearchParams(query))).toEqual({
      from: "-30d",
      tz: "UTC",
      steps: JSON.stringify(steps),
      order: "strict",
    });
  });

  it("have none where there is no explorer", () => {
    expect(explorerOf({ title: "", kind: "text", question: {}, width: 1, chart: null })).toBeNull();
  });
});

describe("CSV", () => {
  it("keeps commas, quotes and lines in their cells, and runs nothing in a spreadsheet", () => {
    expect(
      csv(
        ["a", "b"],
        [
          ["x,y", 'say "hi"'],
          ["=SUM(A1)", -5],
          [null, "two\nlines"],
        ],
      ),
    ).toBe('a,b\r\n"x,y","say ""hi"""\r\n\'=SUM(A1),-5\r\n,"two\nlines"');
  });
});
