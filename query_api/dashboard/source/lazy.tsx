/** Parts of the page that are loaded when they are first shown. */
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

interface Loaded<P> {
  (props: P & { fallback?: ComponentChildren }): ComponentChildren;
  load: () => Promise<void>;
}

export function lazyPart<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  fallback: ComponentChildren,
): Loaded<P> {
  let part: ComponentType<P> | null = null;
  const fetchPart = async () => {
    part ??= (await load()).default;
  };
  const Part = (props: P) => {
    const [failed, setFailed] = useState<string | null>(null);
    const [, setReady] = useState(part !== null);
    useEffect(() => {
      let here = true;
      fetchPart().then(
        () => here && setReady(true),
        (reason: unknown) => here && setFailed(String(reason)),
      );
      return () => {
        here = false;
      };
    }, []);
    if (failed !== null)
      return <p class="note error">This part of the page could not be loaded. Reload the page.</p>;
    if (part === null) return fallback;
    const Shown = part;
    return <Shown {...props} />;
  };
  return Object.assign(Part, { load: fetchPart });
}
