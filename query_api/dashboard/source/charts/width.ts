/** How wide an element is, now and after every change. */
import type preact from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

export function useWidth(standard: number): [preact.RefObject<HTMLDivElement | null>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(standard);
  useLayoutEffect(() => {
    const found = element.current;
    if (!found) return;
    const observer = new ResizeObserver(() => {
      // Zero while a tab is hidden; what was drawn then would be nonsense.
      if (found.clientWidth > 0) setWidth(found.clientWidth);
    });
    observer.observe(found);
    if (found.clientWidth > 0) setWidth(found.clientWidth);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}
