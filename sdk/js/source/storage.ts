/** Local storage, or memory where a browser denies it. */

const memory = new Map<string, string>();

/** Returns what is stored under a name. */
export function read(name: string): string | null {
  try {
    return memory.get(name) ?? localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Stores a text; says whether it will outlive the page. */
export function write(name: string, text: string): boolean {
  try {
    localStorage.setItem(name, text);
    memory.delete(name);
    return true;
  } catch {
    // Denied, or full. Where it is full, what stood there before is out of date.
    remove(name);
    memory.set(name, text);
    return false;
  }
}

/** Forgets what is stored under a name. */
export function remove(name: string): void {
  memory.delete(name);
  try {
    localStorage.removeItem(name);
  } catch {
    // Denied: it was in memory.
  }
}

/** Lists the names that begin so. */
export function names(prefix: string): string[] {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}
