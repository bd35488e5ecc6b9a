/** The ways that people take through a product. */

import type { PathNode, PathsAnswer } from "../answers";
import { duration, exactNumber } from "../formats";
import { lazyPart } from "../lazy";
import { Skeleton } from "../parts/states";
import { Table, type TableData } from "../parts/table";

const Sankey = lazyPart(() => import("../charts/sankey"), <Skeleton height={380} />);

export function pathsTable({ links }: PathsAnswer): TableData {
  return {
    columns: ["Step", "From", "To", "People", "Median time"],
    rows: links.map((link) => [
      Number(link.source.split(":")[0]),
      link.source.replace(/^\d+:/, ""),
      link.target.replace(/^\d+:/, ""),
      link.people,
      duration(link.median_seconds),
    ]),
  };
}

export function PathsTable({ answer }: { answer: PathsAnswer }) {
  return (
    <Table
      label="Paths"
      data={pathsTable(answer)}
      names={3}
      format={(value) => (typeof value === "number" ? exactNumber(value) : value)}
    />
  );
}

export function PathsView({
  answer,
  onPick,
}: {
  answer: PathsAnswer;
  onPick: ((node: PathNode) => void) | null;
}) {
  return <Sankey nodes={answer.nodes} links={answer.links} onPick={onPick} />;
}
