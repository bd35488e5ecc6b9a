/** A link within the page: no reload, but still a link that can be copied or opened in another tab. */
import type { ComponentChildren } from "preact";
import { go } from "../address";

interface Props {
  to: string;
  class?: string;
  current?: boolean;
  title?: string;
  onFollow?: () => void;
  children: ComponentChildren;
}

export function Link({ to, class: style, current, title, onFollow, children }: Props) {
  return (
    <a
      href={to}
      class={style}
      title={title}
      aria-current={current ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(to);
        onFollow?.();
      }}
    >
      {children}
    </a>
  );
}
