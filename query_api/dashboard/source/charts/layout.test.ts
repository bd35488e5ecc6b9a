import { describe, expect, it } from "vitest";
import { layoutOf } from "./sankey_layout";
import { labelled, pathOf, ticks } from "./scale";

describe("axes", () => {
  it("have round marks from nothing to at least the most", () => {
    expect(ticks(0, 4991, 4)).toEqual([0, 2000, 4000, 6000]);
    expect(ticks(0, 0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(ticks(-5, 10, 3)).toEqual([-5, 0, 5, 10]);
  });

  it("count things in whole numbers", () => {
    expect(ticks(0, 1, 4, true)).toEqual([0, 1]);
    expect(ticks(0, 0, 4, true)).toEqual([0, 1]);
  });

  it("label as many places as there is room for", () => {
    expect(labelled(8, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(labelled(24, 6)).toEqual([0, 4, 8, 12, 16, 20]);
    expect(labelled(0, 6)).toEqual([]);
  });

  it("draw a gap where a value is missing", () => {
    expect(pathOf([[0, 1], null, [2, 3], [4, 5]])).toBe("M0.0 1.0M2.0 3.0L4.0 5.0");
  });
});

describe("flows", () => {
  const nodes = [
    { id: "1:a", step: 1, name: "a", people: 10 },
    { id: "2:b", step: 2, name: "b", people: 6 },
    { id: "2:c", step: 2, name: "c", people: 2 },
  ];
  const links = [
    { source: "1:a", target: "2:b", people: 6, median_seconds: 1 },
    { source: "1:a", target: "2:c", people: 2, median_seconds: 1 },
    { source: "1:a", target: "2:nobody", people: 2, median_seconds: 1 },
  ];
  const layout = layoutOf(nodes, links, { width: 500, height: 400, node: 10 });
  const at = (id: string) => layout.nodes.find((node) => node.id === id);

  it("have a column for each step, as high as its people", () => {
    expect(at("1:a")?.x).toBe(0);
    expect(at("2:b")?.x).toBe(490);
    expect((at("2:b")?.height ?? 0) / (at("1:a")?.height ?? 1)).toBeCloseTo(0.6);
    for (const node of layout.nodes) expect(node.y + node.height).toBeLessThanOrEqual(layout.height + 0.01);
  });

  it("do not let the nodes of a column overlap", () => {
    const [b, c] = [at("2:b"), at("2:c")];
    expect(b && c && b.y + b.height <= c.y).toBe(true);
  });

  it("leave out links to what is not there", () => {
    expect(layout.ribbons.map((ribbon) => ribbon.target)).toEqual(["2:b", "2:c"]);
  });
});
