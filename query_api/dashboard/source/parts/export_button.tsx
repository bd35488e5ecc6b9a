/** Events as a file. */
import { useState } from "preact/hooks";
import { eventChoices } from "../catalogue";
import { said } from "../client";
import { download } from "../downloads";
import { describe } from "../filters";
import { rangeName } from "../ranges";
import type { SharedScope } from "../scope";
import { Chip, IconButton, Segmented } from "./buttons";
import { Combobox } from "./combobox";
import { Dialog } from "./dialog";

type Format = "csv" | "jsonl" | "parquet";

export function ExportButton({ scope }: { scope: SharedScope }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <IconButton icon="download" label="Export events" onClick={() => setOpen(true)} />
      {open && <ExportDialog scope={scope} onClose={() => setOpen(false)} />}
    </>
  );
}

function ExportDialog({ scope, onClose }: { scope: SharedScope; onClose: () => void }) {
  const [format, setFormat] = useState<Format>("csv");
  const [names, setNames] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const start = async () => {
    setBusy(true);
    setError(null);
    const { range, timezone, filter } = scope;
    try {
      await download(
        "export",
        { range, timezone, format, filter, events: names.length > 0 ? names : null },
        `events.${format}`,
      );
      onClose();
    } catch (reason) {
      setError(said(reason));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Export events" onClose={onClose}>
      <p>
        {rangeName(scope.range)}
        {scope.filter && <> where {describe(scope.filter)}</>}
      </p>
      <div class="form">
        <Segmented
          label="Format"
          value={format}
          options={[
            { value: "csv", label: "CSV" },
            { value: "jsonl", label: "JSON lines" },
            { value: "parquet", label: "Parquet" },
          ]}
          onChange={setFormat}
        />
        <Combobox
          label="Only these events"
          value=""
          placeholder={names.length > 0 ? "and…" : "All events; choose some"}
          choices={eventChoices}
          onPick={(choice) =>
            choice.value && !names.includes(choice.value) && setNames([...names, choice.value])
          }
        />
        <div class="chips">
          {names.map((name) => (
            <Chip
              key={name}
              label={`Remove ${name}`}
              onRemove={() => setNames(names.filter((other) => other !== name))}
            >
              {name}
            </Chip>
          ))}
        </div>
      </div>
      {error && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
      <div class="panel-foot">
        <button type="button" class="button primary" disabled={busy} onClick={() => void start()}>
          {busy ? "Preparing…" : "Download"}
        </button>
      </div>
    </Dialog>
  );
}
