/** One saved dashboard: its charts, and putting them in order. */
import { useState } from "preact/hooks";
import { go, linkTo, useAddress } from "../address";
import { useAnswer } from "../answer";
import type { Dashboard } from "../answers";
import { ask, said } from "../client";
import { Card } from "../parts/card";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { ShareDialog } from "../parts/share_dialog";
import { Empty, States } from "../parts/states";
import { TileCard } from "../parts/tile_card";
import type { Tile } from "../questions";
import { type Saved, useSaving } from "../saving";
import { type SharedScope, useScope } from "../scope";
import { toast } from "../toasts";

const SAVED: Record<Saved, string> = { saved: "Saved", saving: "Saving…", "not saved": "Not saved" };

export default function DashboardPage() {
  const { path } = useAddress();
  const id = path.split("/")[2] ?? "";
  const answer = useAnswer<Dashboard>({ path: `dashboards/${id}` });
  const scope = useScope();
  return (
    <States answer={answer} height={480}>
      {(dashboard) => <Shown key={id} dashboard={dashboard} scope={scope} />}
    </States>
  );
}

function Shown({ dashboard, scope }: { dashboard: Dashboard; scope: SharedScope }) {
  const [tiles, setTiles] = useState(dashboard.tiles);
  const [name, setName] = useState(dashboard.name);
  const [editing, setEditing] = useState(false);
  const [sharing, setSharing] = useState(false);
  const { query } = useAddress();
  const id = dashboard.dashboard_id;
  const [saved, keep] = useSaving<{ name: string; tiles: Tile[] }>((body) =>
    ask(`dashboards/${id}`, { method: "PUT", body }),
  );
  const save = (nextName: string, next: Tile[]) => {
    setTiles(next);
    setName(nextName);
    keep({ name: nextName, tiles: next });
  };
  const remove = async () => {
    try {
      await ask(`dashboards/${id}`, { method: "DELETE" });
      go(linkTo("/dashboards"));
    } catch (reason) {
      toast(said(reason));
    }
  };
  const change = (index: number, tile: Tile | null) =>
    save(
      name,
      tiles.flatMap((old, at) => (at === index ? (tile ? [tile] : []) : [old])),
    );
  const move = (index: number, by: number) => {
    const next = [...tiles];
    const [moved] = next.splice(index, 1);
    if (moved) next.splice(index + by, 0, moved);
    save(name, next);
  };
  // The bar's range holds for all charts once somebody touches it; until then each keeps its own.
  const chosen = query.has("from") || query.has("to") || query.has("tz") ? scope : null;
  return (
    <>
      <ScopeBar title={name} scope={scope} plain>
        {editing && (
          <span class="faint" role="status">
            {SAVED[saved]}
          </span>
        )}
        <button
          type="button"
          class={editing ? "button primary" : "button"}
          aria-pressed={editing}
          onClick={() => setEditing(!editing)}
        >
          <Icon name={editing ? "check" : "pencil"} size={15} /> {editing ? "Done" : "Edit"}
        </button>
        <button type="button" class="button" onClick={() => setSharing(true)}>
          <Icon name="link" size={15} /> Share
        </button>
      </ScopeBar>
      {editing && (
        <Card>
          <div class="question-row">
            <label class="choice">
              <span class="choice-label">Name</span>
              <input
                class="field"
                maxLength={200}
                value={name}
                onChange={(event) => save(event.currentTarget.value.trim() || name, tiles)}
              />
            </label>
            <button
              type="button"
              class="button"
              onClick={() =>
                save(name, [
                  ...tiles,
                  { title: "Note", kind: "text", question: { text: "" }, width: 1, chart: null },
                ])
              }
            >
              <Icon name="plus" size={15} /> Note
            </button>
            <button
              type="button"
              class="button danger"
              onClick={() => confirm(`Delete the dashboard “${name}”?`) && void remove()}
            >
              <Icon name="trash" size={15} /> Delete dashboard
            </button>
          </div>
        </Card>
      )}
      {tiles.length === 0 && (
        <Card>
          <Empty title="Nothing here yet">
            <p class="faint">Open an explorer and choose “Dashboard” to keep a chart.</p>
            <Link class="button" to={linkTo("/trends")}>
              Open Trends
            </Link>
          </Empty>
        </Card>
      )}
      <div class="tiles">
        {tiles.map((tile, index) => (
          <TileCard
            key={index}
            tile={tile}
            scope={chosen}
            edit={
              editing
                ? {
                    change: (next) => change(index, next),
                    move: (by) => move(index, by),
                    first: index === 0,
                    last: index === tiles.length - 1,
                  }
                : null
            }
          />
        ))}
      </div>
      {sharing && <ShareDialog id={id} onClose={() => setSharing(false)} />}
    </>
  );
}
