/** The read key that opens a project. It lives in this browser only, and never in an address that is kept. */

const KEY = "smolhog.key";
const listeners = new Set<() => void>();
let key: string | null = null;

/** Take the key out of `#key=sh_r_…`, or recall the one given before. */
export function openAccess(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    history.replaceState(null, "", location.pathname + location.search);
    giveKey(given);
    return;
  }
  key = recall(KEY);
}

export function currentKey(): string | null {
  return key;
}

export function giveKey(secret: string | null): void {
  key = secret?.trim() || null;
  if (key === null) forget(KEY);
  else keep(KEY, key);
  for (const listener of [...listeners]) listener();
}

export function onKey(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Storage may be closed to the page (private windows, policies); then things last as long as the tab. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // See `recall`.
  }
}

export function forget(name: string): void {
  try {
    localStorage.removeItem(name);
  } catch {
    // See `recall`.
  }
}
