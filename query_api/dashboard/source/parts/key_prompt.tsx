/** Asks for the read key: nothing else stands between a visitor and the data. */
import { useState } from "preact/hooks";
import { giveKey } from "../access";
import type { ApiError } from "../client";
import mark from "../hedgehog.svg";

export function KeyPrompt({ error }: { error: ApiError | null }) {
  const [key, setKey] = useState("");
  const write = key.trim().startsWith("sh_w_");
  return (
    <main class="key-prompt" id="content">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (!write) giveKey(key);
        }}
      >
        <img src={mark} alt="" width={64} height={64} />
        <h1>SmolHog</h1>
        <p>A read key opens the dashboard of its project.</p>
        <label class="choice">
          <span class="choice-label">Read key</span>
          <input
            class="field code-field"
            type="password"
            autocomplete="off"
            placeholder="sh_r_…"
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {(write || error) && (
          <p class="form-error" role="alert">
            {write
              ? "This is a write key: it sends events. The dashboard needs a read key, sh_r_…"
              : error?.message}
          </p>
        )}
        <button type="submit" class="button primary" disabled={write}>
          Open
        </button>
        <p class="faint">
          No key at hand? <code>smolhog keys create default --kind read</code>
        </p>
        <p class="faint">It stays in this browser.</p>
      </form>
    </main>
  );
}
