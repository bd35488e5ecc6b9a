/** Shows short messages for a few seconds. */
import { useEffect, useState } from "preact/hooks";
import { onToast } from "../toasts";

const SHOWN_MS = 5000;

export function Toasts() {
  const [messages, setMessages] = useState<{ id: number; text: string }[]>([]);
  useEffect(
    () =>
      onToast((text) => {
        const id = Math.random();
        setMessages((old) => [...old, { id, text }].slice(-3));
        setTimeout(() => setMessages((old) => old.filter((one) => one.id !== id)), SHOWN_MS);
      }),
    [],
  );
  return (
    <div class="toasts" role="status" aria-live="polite">
      {messages.map((one) => (
        <p key={one.id}>{one.text}</p>
      ))}
    </div>
  );
}
