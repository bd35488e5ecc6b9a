/** Keep a chart: on a dashboard that there is, or on a new one. */
import { useEffect, useState } from "preact/hooks";
import type { Dashboard } from "../answers";
import { ApiError, ask } from "../client";
import type { Tile, TileKind } from "../questions";
import { toast } from "../toasts";
import { Choice } from "./buttons";
import { Dialog } from "./dialog";
import { Icon } from "./icon";

interface Props {
  kind: TileKind;
  question: object;
}

export function AddToDashboard({ kind, question }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button" onClick={() => setOpen(true)}>
        <Icon name="plus" size={15} /> <span>Dashboard</span>
      </button>
      {open && <AddDialog kind={kind} question={question} onClose={() => setOpen(false)} />}
    </>
  );
}

function AddDialog({ kind, question, onClose }: Props & { onClose: () => void }) {
  const [dashboards, setDashboards] = useState<Dashboard[]>([]);
  const [chosen, setChosen] = useState("new");
  const [name, setName] = useState("");
  const [title, setTitle] = useState("");
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    ask<{ dashboards: Dashboard[] }>("dashboards").then(
      (answer) => {
        setDashboards(answer.dashboards);
        const first = answer.dashboards[0];
        if (first) setChosen(String(first.dashboard_id));
      },
      (reason: unknown) => setError(reason instanceof ApiError ? reason.message : String(reason)),
    );
  }, []);
  const add = async () => {
    const tile: Tile = { title: title.trim(), kind, question: question as Record<string, unknown>, width: 2 };
    try {
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
    } catch (reason) {
      setError(reason instanceof ApiError ? reason.message : String(reason));
    }
  };
  return (
    <Dialog title="Add to a dashboard" onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void add();
        }}
      >
        <label class="choice">
          <span class="choice-label">Title of the chart</span>
          <input
            class="field"
            required
            maxLength={200}
            value={title}
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
        </label>
        <Choice
          label="Dashboard"
          value={chosen}
          options={[
            ...dashboards.map((one) => ({ value: String(one.dashboard_id), label: one.name })),
            { value: "new", label: "A new one" },
          ]}
          onChange={setChosen}
        />
        {chosen === "new" && (
          <label class="choice">
            <span class="choice-label">Name of the dashboard</span>
            <input
              class="field"
              required
              maxLength={200}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
        )}
        {error && (
          <p class="form-error" role="alert">
            {error}
          </p>
        )}
        <div class="panel-foot">
          <button type="submit" class="button primary">
            Add
          </button>
        </div>
      </form>
    </Dialog>
  );
}
