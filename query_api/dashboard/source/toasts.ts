/** Short messages about what was just done. */
const listeners = new Set<(message: string) => void>();

export function toast(message: string): void {
  for (const listener of [...listeners]) listener(message);
}

export function onToast(listener: (message: string) => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
