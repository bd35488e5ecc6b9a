/** A link to a dashboard, for those who have no key. */
import { useState } from "preact/hooks";
import { ask, said } from "../client";
import { CodeBlock } from "./copy";
import { Dialog } from "./dialog";

export function ShareDialog({ id, onClose }: { id: number; onClose: () => void }) {
  const [token, setToken] = useState<string | null>(null);
  const [note, setNote] = useState("");
  const share = async () => {
    try {
      setToken((await ask<{ token: string }>(`dashboards/${id}/share`, { method: "POST" })).token);
      setNote("");
    } catch (reason) {
      setNote(said(reason));
    }
  };
  const close = async () => {
    try {
      await ask(`dashboards/${id}/share`, { method: "DELETE" });
      setToken(null);
      setNote("No link opens it any more.");
    } catch (reason) {
      setNote(said(reason));
    }
  };
  return (
    <Dialog title="Share this dashboard" onClose={onClose}>
      <p>
        Whoever has the link sees these charts, live, without a key. They can change nothing and see nothing
        else.
      </p>
      {token && <CodeBlock code={`${location.origin}/shared/${token}`} label="The link" />}
      {note && <p role="status">{note}</p>}
      <div class="panel-foot">
        <button type="button" class="button danger" onClick={() => void close()}>
          Stop sharing
        </button>
        <button type="button" class="button primary" onClick={() => void share()}>
          {token ? "Renew the link" : "Make a link"}
        </button>
      </div>
    </Dialog>
  );
}
