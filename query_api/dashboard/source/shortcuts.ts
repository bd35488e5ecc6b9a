/** Keys that do something wherever one is on the page, but for when one writes. */
import { go, linkTo } from "./address";
import { VIEWS } from "./navigation";

const SEQUENCE_MS = 1200;

export interface Actions {
  help: () => void;
  theme: () => void;
}

export function startShortcuts({ help, theme }: Actions): () => void {
  let before = Number.NEGATIVE_INFINITY;
  const onKey = (event: KeyboardEvent) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isWriting(event.target)) return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    if (event.timeStamp - before < SEQUENCE_MS) {
      before = Number.NEGATIVE_INFINITY;
      const view = VIEWS.find((one) => one.shortcut === event.key);
      if (view) {
        event.preventDefault();
        go(linkTo(view.path));
      }
      return;
    }
    if (event.key === "g") before = event.timeStamp;
    else if (event.key === "?") help();
    else if (event.key === "t") theme();
    else if (event.key === "f") press(event, "[data-shortcut=f]");
    else if (event.key === "d") press(event, "[data-shortcut=d]");
    else if (event.key === "/") {
      const field = document.querySelector<HTMLElement>("[data-shortcut='/']");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

function press(event: Event, what: string): void {
  const button = document.querySelector<HTMLElement>(what);
  if (!button) return;
  event.preventDefault();
  button.focus();
  button.click();
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
