/** A dashboard that its token opens: without a key, read only. */

import { useEffect } from "preact/hooks";
import { useAddress } from "../address";
import { useAnswer } from "../answer";
import type { Dashboard, Provenance } from "../answers";
import { Card } from "../parts/card";
import { ScopeBar } from "../parts/scope_bar";
import { ErrorNote, Skeleton, States } from "../parts/states";
import type { Tile } from "../questions";
import { endsNow } from "../ranges";
import { type SharedScope, useScope } from "../scope";
import { TileView } from "../views/tile_view";

const EVERY_MS = 5000;

export default function Shared() {
  const { path, query } = useAddress();
  const token = path.split("/")[2] ?? "";
  const answer = useAnswer<Dashboard>({ path: `shared/${token}`, open: true });
  const scope = useScope();
  const { data, error, again } = answer;
  if (data === null) {
    if (error?.status === 404) {
      return (
        <main class="shared-none">
          <h1>This link opens nothing</h1>
          <p>It may be mistyped, or the dashboard is not shared any more.</p>
        </main>
      );
    }
    return (
      <main class="shared">
        {error ? <ErrorNote error={error} onRetry={again} /> : <Skeleton height={480} />}
      </main>
    );
  }
  const chosen = query.has("from") || query.has("to") || query.has("tz") ? scope : null;
  return (
    <main class="shared" id="content">
      <ScopeBar title={data.name} scope={scope} plain />
      <div class="tiles">
        {data.tiles.map((tile, index) => (
          <SharedTile key={index} token={token} index={index} tile={tile} scope={chosen} />
        ))}
      </div>
      <p class="faint shared-foot">Shared with SmolHog</p>
    </main>
  );
}

interface Props {
  token: string;
  index: number;
  tile: Tile;
  scope: SharedScope | null;
}

function SharedTile({ token, index, tile, scope }: Props) {
  const answer = useAnswer<unknown>({
    path: tile.kind === "text" ? null : `shared/${token}/tiles/${index}`,
    body: scope === null ? {} : { range: scope.range, timezone: scope.timezone },
    open: true,
  });
  const range = (scope?.range ?? tile.question.range) as { from: string; to: string } | undefined;
  const live = range !== undefined && endsNow(range);
  const { again } = answer;
  useEffect(() => {
    if (!live || tile.kind === "text") return;
    const beat = setInterval(() => {
      if (!document.hidden) again();
    }, EVERY_MS);
    return () => clearInterval(beat);
  }, [live, again, tile.kind]);
  return (
    <Card class={`tile w${tile.width}`} title={tile.title} about={answer.data as Provenance | null}>
      {tile.kind === "text" ? (
        <TileView tile={tile} answer={null} live={false} />
      ) : (
        <States answer={answer} height={220}>
          {(data) => <TileView tile={tile} answer={data} live={live} />}
        </States>
      )}
    </Card>
  );
}
