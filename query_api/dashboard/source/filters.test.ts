import { describe as story, expect, it } from "vitest";
import { describe, isComplete, narrowed, parseFilter, parseValue, propertyName, pruned } from "./filters";
import type { Condition, Group } from "./questions";

const pro: Condition = { property: "plan", of: "event", operator: "=", value: "pro" };
const empty: Condition = { property: "", of: "event", operator: "=", value: null };
const company: Condition = { ...pro, of: "group:company" };
const any: Group = { match: "any", filters: [pro, { ...pro, value: ["a", "b"] }] };

story("filters in the address", () => {
  it("come back as they went", () => {
    const filter: Group = { match: "all", filters: [pro, any, company, { ...pro, of: "person" }] };
    expect(parseFilter(JSON.stringify(filter))).toEqual(filter);
  });

  it("are none where they are not filters", () => {
    for (const text of [
      "",
      "{",
      "[]",
      "null",
      '{"match":"all","filters":[]}',
      '{"match":"some","filters":[{}]}',
      '{"match":"all","filters":[{"property":"a","of":"event","operator":"drop"}]}',
      '{"match":"all","filters":[{"property":"a","of":"group:","operator":"is_set"}]}',
      '{"match":"all","filters":[{"property":"a","of":"groups","operator":"is_set"}]}',
      '{"match":"all","filters":[{"property":"a","of":5,"operator":"is_set"}]}',
      JSON.stringify({
        match: "all",
        filters: [{ match: "all", filters: [{ match: "all", filters: [any] }] }],
      }),
    ]) {
      expect(parseFilter(text)).toBeNull();
    }
    expect(parseFilter(null)).toBeNull();
  });
});

story("filters that are being written", () => {
  it("are asked without their incomplete parts", () => {
    expect(pruned({ match: "all", filters: [empty, pro, { match: "any", filters: [empty] }] })).toEqual({
      match: "all",
      filters: [pro],
    });
    expect(pruned({ match: "all", filters: [empty] })).toBeNull();
  });

  it("know when a condition is complete", () => {
    expect(isComplete({ ...pro, operator: "is_set", value: null })).toBe(true);
    expect(isComplete({ ...pro, operator: "between", value: [1] })).toBe(false);
    expect(isComplete({ ...pro, operator: "between", value: [1, 2] })).toBe(true);
    expect(isComplete({ ...empty, operator: "in_cohort", value: 3 })).toBe(true);
  });

  it("are narrowed by a click, once", () => {
    expect(narrowed(null, pro)).toEqual({ match: "all", filters: [pro] });
    const once = narrowed(any, pro);
    expect(once).toEqual({ match: "all", filters: [any, pro] });
    expect(narrowed(once, pro)).toEqual(once);
  });

  it("take numbers as numbers only where they are", () => {
    expect(parseValue("12", "number")).toBe(12);
    expect(parseValue("12", "text")).toBe("12");
    expect(parseValue("1e5", "number")).toBe("1e5");
    expect(parseValue("true", "boolean")).toBe(true);
  });
});

story("filters in words", () => {
  it("are a sentence", () => {
    expect(
      describe({ match: "all", filters: [{ ...pro, property: "$browser", value: "Firefox" }, any] }),
    ).toBe("Browser is Firefox and (plan is pro or plan is a or b)");
    expect(describe({ ...pro, operator: "is_not_set", value: null })).toBe("plan is not set");
  });

  it("say which type of group they are about", () => {
    expect(describe(company)).toBe("company plan is pro");
    expect(describe({ ...company, property: "$group_key", value: ["acme", "globex"] })).toBe(
      "company is acme or globex",
    );
    expect(propertyName("$device_type", "group:it's a team")).toBe("it's a team Device type");
    expect(propertyName("$group_key")).toBe("Group key");
  });
});
