/** The saved dashboards. */
import { useState } from "preact/hooks";
import { go, linkTo } from "../address";
import { useAnswer } from "../answer";
import type { Dashboard } from "../answers";
import { ask } from "../client";
import { Card } from "../parts/card";
import { Dialog } from "../parts/dialog";
import { NameField, SaveForm } from "../parts/save_form";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, States } from "../parts/states";

export default function Dashboards() {
  const answer = useAnswer<{ dashboards: Dashboard[] }>({ path: "dashboards" });
  const [making, setMaking] = useState(false);
  return (
    <>
      <ScopeBar title="Dashboards">
        <button type="button" class="button primary" onClick={() => setMaking(true)}>
          <Icon name="plus" size={15} /> New dashboard
        </button>
      </ScopeBar>
      <States
        answer={answer}
        isEmpty={(data) => data.dashboards.length === 0}
        empty={
          <Card>
            <Empty title="No dashboards yet">
              <p class="faint">Make one here, or keep a chart with “Dashboard” in any explorer.</p>
            </Empty>
          </Card>
        }
      >
        {(data) => (
          <ul class="grid three dashboards">
            {data.dashboards.map((one) => (
              <li key={one.dashboard_id}>
                <Link class="card dashboard-link" to={linkTo(`/dashboards/${one.dashboard_id}`)}>
                  <span class="dashboard-name">{one.name}</span>
                  <span class="faint">
                    {one.tiles.length === 1 ? "1 chart" : `${one.tiles.length} charts`}
                  </span>
                  <span class="dashboard-tiles" aria-hidden="true">
                    {one.tiles.slice(0, 8).map((tile, index) => (
                      <i key={index} class={`mini w${tile.width}`} />
                    ))}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </States>
      {making && <NewDialog onClose={() => setMaking(false)} />}
    </>
  );
}

function NewDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const make = async () => {
    const made = await ask<Dashboard>("dashboards", { body: { name: name.trim(), tiles: [] } });
    onClose();
    go(linkTo(`/dashboards/${made.dashboard_id}`));
  };
  return (
    <Dialog title="New dashboard" onClose={onClose}>
      <SaveForm label="Make it" save={make}>
        <NameField label="Name" value={name} onInput={setName} />
      </SaveForm>
    </Dialog>
  );
}
