/** A form that saves something: its fields, the button, and why it was refused. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { said } from "../client";

interface Props {
  /** Of the button. */
  label: string;
  disabled?: boolean;
  /** Beside the button. */
  beside?: ComponentChildren;
  /** A rejected promise is shown, and the form stays. */
  save: () => Promise<unknown>;
  children: ComponentChildren;
}

export function SaveForm({ label, disabled, beside, save, children }: Props) {
  const [error, setError] = useState<string | null>(null);
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        save().catch((reason: unknown) => setError(said(reason)));
      }}
    >
      {children}
      {error && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
      <div class="panel-foot">
        {beside}
        <button type="submit" class="button primary" disabled={disabled}>
          {label}
        </button>
      </div>
    </form>
  );
}

interface NameProps {
  label: string;
  value: string;
  onInput: (name: string) => void;
}

/** What a saved thing is called. */
export function NameField({ label, value, onInput }: NameProps) {
  return (
    <label class="choice">
      <span class="choice-label">{label}</span>
      <input
        class="field"
        required
        maxLength={200}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
