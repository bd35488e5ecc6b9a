/** Keep a chart: on a dashboard that there is, or on a new one. */
import { useEffect, useState } from "preact/hooks";
import type { Dashboard } from "../answers";
import { ask, said } from "../client";
import type { Tile, TileChart, TileKind } from "../questions";
import { toast } from "../toasts";
import { Choice } from "./buttons";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { NameField, SaveForm } from "./save_form";

interface Props {
  kind: TileKind;
  question: object;
  /** How trends are drawn. */
  chart?: TileChart;
}

export function AddToDashboard(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen(true)}>
        <Icon name="plus" size={15} /> <span>Dashboard</span>
      </button>
      {open && <AddDialog {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function AddDialog({ kind, question, chart = null, onClose }: Props & { onClose: () => void }) {
  const [dashboards, setDashboards] = useState<Dashboard[]>([]);
  const [picked, setPicked] = useState<string | null>(null);
  const [name, setName] = useState("");
  const [title, setTitle] = useState("");
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    ask<{ dashboards: Dashboard[] }>("dashboards").then(
      (answer) => setDashboards(answer.dashboards),
      (reason: unknown) => setError(said(reason)),
    );
  }, []);
  // The list may come late; what somebody picked before stays.
  const chosen = picked ?? String(dashboards[0]?.dashboard_id ?? "new");
  const add = async () => {
    const tile: Tile = { title: title.trim(), kind, question: { ...question }, width: 2, chart };
    if (chosen === "new") await ask("dashboards", { body: { name: name.trim(), tiles: [tile] } });
    else {
      const present = await ask<Dashboard>(`dashboards/${chosen}`);
      await ask(`dashboards/${chosen}`, {
        method: "PUT",
        body: { name: present.name, tiles: [...present.tiles, tile] },
      });
    }
    toast("Added to the dashboard");
    onClose();
  };
  return (
    <Dialog title="Add to a dashboard" onClose={onClose}>
      <SaveForm label="Add" save={add}>
        <NameField label="Title of the chart" value={title} onInput={setTitle} />
        <Choice
          label="Dashboard"
          value={chosen}
          options={[
            ...dashboards.map((one) => ({ value: String(one.dashboard_id), label: one.name })),
            { value: "new", label: "A new one" },
          ]}
          onChange={setPicked}
        />
        {chosen === "new" && (
          <NameField
            label="Name of the dashboard"
            value={name}
            onInput={(typed) => {
              setName(typed);
              setPicked("new");
            }}
          />
        )}
        {error && (
          <p class="form-error" role="alert">
            {error}
          </p>
        )}
      </SaveForm>
    </Dialog>
  );
}
