import { describe, expect, it } from "vitest";
import { readParameter, writeParameter } from "./address";

describe("parts of a question in the address", () => {
  it("come back as they went", () => {
    for (const value of ["text", 12, true, null, [{ event: "a b", filter: null }], { property: "plan" }]) {
      expect(readParameter(writeParameter(value), value)).toEqual(value);
    }
  });

  it("are the default where they are missing or mean nothing", () => {
    expect(readParameter(null, [1])).toEqual([1]);
    expect(readParameter("{not json", [1])).toEqual([1]);
    expect(readParameter('"text"', 5)).toBe(5);
    expect(readParameter('{"a":1}', [1])).toEqual([1]);
    expect(readParameter("null", [1])).toEqual([1]);
    expect(readParameter('{"property":"plan"}', null)).toEqual({ property: "plan" });
  });
});
