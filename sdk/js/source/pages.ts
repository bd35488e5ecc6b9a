/** Page views, also of pages that are changed by the history API instead of being loaded. */

/** Calls `view` with the address of the page before, for the page at hand and for each that follows. */
export function watchPages(view: (referrer: string) => void): void {
  let before = "";
  let path = "";

  const look = (isReplaced: boolean): void => {
    const { href, pathname, hash } = location;
    // "#/prices" is a page of its own, "#prices" a place on one.
    const now = /^#!?\//.test(hash) ? href : href.split("#")[0]!;
    // What is replaced under the same path is state that a page keeps in its address.
    const isSame = now === before || (isReplaced && pathname === path);
    const referrer = before || document.referrer;
    before = now;
    path = pathname;
    if (!isSame) view(referrer);
  };

  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...change) {
      original.apply(this, change);
      look(name === "replaceState");
    };
  }
  addEventListener("popstate", () => look(false));
  addEventListener("pageshow", ({ persisted }) => persisted && view(document.referrer));
  // What a browser loads in advance is not seen yet.
  const first = (): void => look(false);
  if ((document as { prerendering?: boolean }).prerendering) {
    document.addEventListener("prerenderingchange", first, { once: true });
  } else first();
}
