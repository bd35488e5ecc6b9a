/** One chart of a dashboard, asked and drawn; and its tools while the dashboard is edited. */
import { CHEAP, COSTLY, useAnswer } from "../answer";
import type { Provenance } from "../answers";
import type { Tile, TileChart } from "../questions";
import { endsNow } from "../ranges";
import type { SharedScope } from "../scope";
import { explorerOf } from "../tiles";
import { TileView } from "../views/tile_view";
import { Choice, IconButton } from "./buttons";
import { Card } from "./card";
import { Link } from "./link";
import { States } from "./states";

const CHARTS: { value: NonNullable<TileChart>; label: string }[] = [
  { value: "line", label: "Lines" },
  { value: "area", label: "Area" },
  { value: "bar", label: "Columns" },
  { value: "table", label: "Table" },
  { value: "number", label: "Figures" },
];

export interface Edit {
  change: (tile: Tile | null) => void;
  move: (by: number) => void;
  first: boolean;
  last: boolean;
}

export function TileCard({
  tile,
  scope,
  edit,
}: {
  tile: Tile;
  scope: SharedScope | null;
  edit: Edit | null;
}) {
  const question: Record<string, unknown> =
    scope === null ? tile.question : { ...tile.question, range: scope.range, timezone: scope.timezone };
  const range = question.range as { from: string; to: string } | undefined;
  const live = range !== undefined && endsNow(range);
  const cheap = tile.kind === "trends" || tile.kind === "breakdown" || tile.kind === "sessions";
  const answer = useAnswer<unknown>({
    path: tile.kind === "text" ? null : tile.kind,
    body: question,
    every: live ? (cheap ? CHEAP * 2 : COSTLY) : 0,
  });
  const explorer = explorerOf(tile);
  return (
    <Card
      class={`tile w${tile.width}`}
      title={
        edit ? (
          <input
            class="field"
            aria-label="Title"
            maxLength={200}
            value={tile.title}
            onChange={(event) => edit.change({ ...tile, title: event.currentTarget.value })}
          />
        ) : explorer ? (
          <Link to={explorer}>{tile.title}</Link>
        ) : (
          tile.title
        )
      }
      about={answer.data as Provenance | null}
      actions={edit && <TileTools tile={tile} edit={edit} />}
    >
      {tile.kind !== "text" ? (
        <States answer={answer} height={220}>
          {(data) => <TileView tile={tile} answer={data} live={live} />}
        </States>
      ) : edit ? (
        <textarea
          class="field"
          aria-label="Text"
          rows={4}
          value={String(tile.question.text ?? "")}
          onChange={(event) => edit.change({ ...tile, question: { text: event.currentTarget.value } })}
        />
      ) : (
        <TileView tile={tile} answer={null} live={false} />
      )}
    </Card>
  );
}

function TileTools({ tile, edit }: { tile: Tile; edit: Edit }) {
  return (
    <>
      {tile.kind === "trends" && (
        <Choice
          label="Chart"
          hideLabel
          value={tile.chart ?? "area"}
          options={CHARTS}
          onChange={(chart) => edit.change({ ...tile, chart })}
        />
      )}
      <IconButton icon="left" label="Move forward" disabled={edit.first} onClick={() => edit.move(-1)} />
      <IconButton icon="right" label="Move back" disabled={edit.last} onClick={() => edit.move(1)} />
      <button
        type="button"
        class="button quiet"
        title="Width"
        onClick={() => edit.change({ ...tile, width: (tile.width % 4) + 1 })}
      >
        {tile.width}/4
      </button>
      <IconButton icon="trash" label="Remove" onClick={() => edit.change(null)} />
    </>
  );
}
