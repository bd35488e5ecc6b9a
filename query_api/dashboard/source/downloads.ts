/** Files that the browser saves. */
import { send } from "./client";

export async function download(path: string, body: unknown, name: string): Promise<void> {
  const answer = await send(path, body === undefined ? {} : { body });
  const told = /filename="?([^";]+)"?/.exec(answer.headers.get("content-disposition") ?? "");
  save(await answer.blob(), told?.[1] ?? name);
}

export function save(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Rows as CSV. Text that a spreadsheet would run as a formula is marked as text. */
export function csv(columns: string[], rows: unknown[][]): string {
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return "";
    let text = typeof value === "object" ? JSON.stringify(value) : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
}
