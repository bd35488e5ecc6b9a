/** Where the nodes and links of a flow in steps stand. Pure. */
import type { PathLink, PathNode } from "../answers";

export interface Placed extends PathNode {
  x: number;
  y: number;
  height: number;
}

export interface Ribbon extends PathLink {
  /** Middle of each end, and how thick it is. */
  from: [number, number];
  to: [number, number];
  thickness: number;
}

export interface Layout {
  nodes: Placed[];
  ribbons: Ribbon[];
  height: number;
}

const GAP = 14;
const LEAST = 3;
/** Room for a name between two nodes that are thin. */
const ROW = 30;

export interface Space {
  width: number;
  height: number;
  node: number;
}

export function layoutOf(nodes: PathNode[], links: PathLink[], space: Space): Layout {
  const columns = columnsOf(nodes, links);
  const rows = Math.max(1, ...columns.map((column) => column.length));
  const scale = scaleOf(columns, Math.max(space.height, rows * (ROW + GAP)));
  const step = columns.length > 1 ? (space.width - space.node) / (columns.length - 1) : 0;
  const placed = new Map<string, Placed>();
  columns.forEach((column, index) => {
    let y = 0;
    for (const node of column) {
      const tall = Math.max(LEAST, node.people * scale);
      placed.set(node.id, { ...node, x: index * step, y, height: tall });
      y += Math.max(tall, ROW) + GAP;
    }
  });
  const all = [...placed.values()];
  return {
    nodes: all,
    ribbons: ribbonsOf(links, placed, space.node),
    height: Math.max(...all.map((node) => node.y + Math.max(node.height, ROW)), space.height),
  };
}

function heightOf(column: PathNode[], scale: number): number {
  return column.reduce((sum, node) => sum + Math.max(node.people * scale, ROW), (column.length - 1) * GAP);
}

/** Pixels a person, by which the highest column just fits. */
function scaleOf(columns: PathNode[][], height: number): number {
  let low = 0;
  let high = height;
  for (let round = 0; round < 40; round += 1) {
    const middle = (low + high) / 2;
    if (columns.every((column) => heightOf(column, middle) <= height)) low = middle;
    else high = middle;
  }
  return low;
}

/** The nodes of every step: the largest first, then each near to where its people come from. */
function columnsOf(nodes: PathNode[], links: PathLink[]): PathNode[][] {
  const steps = [...new Set(nodes.map((node) => node.step))].sort((one, other) => one - other);
  const columns = steps.map((step) =>
    nodes.filter((node) => node.step === step).sort((one, other) => other.people - one.people),
  );
  for (let index = 1; index < columns.length; index += 1) {
    const before = new Map(columns[index - 1]?.map((node, place) => [node.id, place]));
    const centre = (node: PathNode): number => {
      const incoming = links.filter((link) => link.target === node.id && before.has(link.source));
      const weight = incoming.reduce((sum, link) => sum + link.people, 0);
      if (weight === 0) return before.size;
      return incoming.reduce((sum, link) => sum + link.people * (before.get(link.source) ?? 0), 0) / weight;
    };
    columns[index]?.sort((one, other) => centre(one) - centre(other) || other.people - one.people);
  }
  return columns;
}

function ribbonsOf(links: PathLink[], placed: Map<string, Placed>, node: number): Ribbon[] {
  const left = new Map<string, number>();
  const entered = new Map<string, number>();
  const known = links.filter((link) => placed.has(link.source) && placed.has(link.target));
  const at = (id: string) => placed.get(id) as Placed;
  // Sorted by where they end, ribbons of one node do not cross.
  known.sort((one, other) => at(one.target).y - at(other.target).y || at(one.source).y - at(other.source).y);
  const outOf = totals(known, "source");
  const into = totals(known, "target");
  const ribbons = known.map((link): Ribbon => {
    const source = at(link.source);
    const target = at(link.target);
    // Somebody may go both ways, so the links of a node can sum to more than its people.
    const thick = (end: Placed, sum: number) => (link.people / Math.max(end.people, sum)) * end.height;
    const thickness = Math.min(
      thick(source, outOf.get(link.source) ?? 0),
      thick(target, into.get(link.target) ?? 0),
    );
    const start = left.get(link.source) ?? 0;
    left.set(link.source, start + thickness);
    return {
      ...link,
      thickness: Math.max(1, thickness),
      from: [source.x + node, source.y + start + thickness / 2],
      to: [target.x, 0],
    };
  });
  ribbons.sort((one, other) => one.from[1] - other.from[1]);
  for (const ribbon of ribbons) {
    const start = entered.get(ribbon.target) ?? 0;
    ribbon.to[1] = at(ribbon.target).y + start + ribbon.thickness / 2;
    entered.set(ribbon.target, start + ribbon.thickness);
  }
  return ribbons;
}

function totals(links: PathLink[], end: "source" | "target"): Map<string, number> {
  const sums = new Map<string, number>();
  for (const link of links) sums.set(link[end], (sums.get(link[end]) ?? 0) + link.people);
  return sums;
}
