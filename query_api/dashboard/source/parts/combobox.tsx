/** A field that offers what there is while one writes. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Choice } from "../catalogue";
import { exactNumber } from "../formats";
import type { Owner } from "../questions";
import { Icon } from "./icon";

interface Props {
  label: string;
  value: string;
  placeholder: string;
  choices: (search: string) => Promise<Choice[]>;
  onPick: (choice: Choice) => void;
  /** Take what was written even if nobody offered it. */
  free?: boolean;
  /** Offered first, for "anything". */
  none?: string;
  /** Whose property the value is, where values are properties. */
  of?: Owner;
  display?: (value: string, of?: Owner) => string;
}

const MOST = 200;

export function Combobox({
  label,
  value,
  placeholder,
  choices,
  onPick,
  free,
  none,
  of,
  display = String,
}: Props) {
  const name = value && display(value, of);
  const [text, setText] = useState<string | null>(null);
  const [found, setFound] = useState<Choice[]>([]);
  const [at, setAt] = useState(0);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const list = useId();
  // What is left behind in the field counts, unless it was left because something was picked.
  const picked = useRef(false);
  const open = text !== null;
  const shown = [...(none && !text ? [{ value: "", hint: "" }] : []), ...found.slice(0, MOST)];
  const ask = useRef(choices);
  ask.current = choices;
  useEffect(() => {
    if (text === null) return;
    let current = true;
    setBusy(true);
    const due = setTimeout(
      () => {
        ask.current(text).then(
          (answer) => {
            if (!current) return;
            setFound(answer);
            setBusy(false);
            setAt(0);
          },
          () => current && setBusy(false),
        );
      },
      text === "" ? 0 : 150,
    );
    return () => {
      current = false;
      clearTimeout(due);
    };
  }, [text]);
  const written = (what: string): Choice =>
    found.find((one) => one.value === what || display(one.value, one.of) === what) ?? { value: what };
  const pick = (choice: Choice | undefined) => {
    if (choice) onPick(choice);
    setText(null);
    picked.current = true;
    field.current?.blur();
    picked.current = false;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) setText("");
      else setAt((at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % Math.max(1, shown.length));
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      const chosen = shown[at];
      // What was written counts, unless an offer was chosen with the arrow keys.
      pick(free && text && at === 0 ? written(text) : chosen);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      setText(null);
    }
  };
  return (
    <div class="combobox">
      <input
        ref={field}
        type="text"
        role="combobox"
        aria-label={label}
        aria-expanded={open}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={open && shown[at] ? `${list}-${at}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder={name || (none ?? placeholder)}
        value={text ?? name}
        onFocus={() => setText("")}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        onBlur={() => {
          if (free && text && !picked.current) onPick(written(text));
          setText(null);
        }}
      />
      <Icon name="down" size={14} />
      {open && (
        <ul class="combobox-list" id={list} role="listbox" aria-label={label}>
          {shown.map((choice, index) => (
            <li
              key={`${choice.of} ${choice.value}`}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === at}
              onPointerDown={(event) => event.preventDefault()}
              onPointerMove={() => setAt(index)}
              onClick={() => pick(choice)}
            >
              <span>{choice.value === "" ? none : display(choice.value, choice.of)}</span>
              {choice.hint && (
                <small>{/^\d+$/.test(choice.hint) ? exactNumber(Number(choice.hint)) : choice.hint}</small>
              )}
            </li>
          ))}
          {shown.length === 0 && (
            <li class="combobox-none" role="option" aria-selected="false" aria-disabled="true">
              {busy ? "Looking…" : free && text ? `Press Enter for “${text}”` : "Nothing of that name"}
            </li>
          )}
        </ul>
      )}
    </div>
  );
}
