/** A panel that opens under its button, and closes at Esc, a click beside it or a choice made in it. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

interface Props {
  button: ComponentChildren;
  label: string;
  title?: string;
  class?: string;
  align?: "left" | "right";
  shortcut?: string;
  children: (close: () => void) => ComponentChildren;
}

export function Popover({
  button,
  label,
  title,
  class: style = "button",
  align = "left",
  shortcut,
  children,
}: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    const onPointer = (event: PointerEvent) => {
      const path = event.composedPath();
      if (root.current && !path.includes(root.current)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      setOpen(false);
      opener.current?.focus();
    };
    document.addEventListener("pointerdown", onPointer);
    document.addEventListener("keydown", onKey);
    root.current?.querySelector<HTMLElement>(".popover-panel :is(input, button, select)")?.focus();
    return () => {
      document.removeEventListener("pointerdown", onPointer);
      document.removeEventListener("keydown", onKey);
    };
  }, [open]);
  return (
    <div class="popover" ref={root}>
      <button
        type="button"
        class={style}
        ref={opener}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-label={label}
        title={title}
        data-shortcut={shortcut}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div class={`popover-panel ${align}`} role="dialog" aria-label={label}>
          {children(() => {
            setOpen(false);
            opener.current?.focus();
          })}
        </div>
      )}
    </div>
  );
}
