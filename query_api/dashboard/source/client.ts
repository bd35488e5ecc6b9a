/** Asks the query API. */
import { currentKey } from "./access";

/** A question that got no answer, and why. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
  }

  /** The same question may be answered in a moment. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Another key is needed. */
  get closed(): boolean {
    return this.status === 401 || this.code === "write_key_given" || this.code === "origin_refused";
  }
}

/** Why something failed, in a sentence. */
export function said(reason: unknown): string {
  return reason instanceof ApiError ? reason.message : String(reason);
}

export const ROOT = "/analytics";
// A browser sends at most 64 KiB for pages that are gone; a character may take three bytes.
const KEEPALIVE_LENGTH = 20_000;

export interface Ask {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
  /** Shared dashboards are opened by their token alone. */
  open?: boolean;
}

export async function ask<T>(path: string, { method, body, signal, open }: Ask = {}): Promise<T> {
  const answer = await send(path, { method, body, signal, open });
  return (answer.status === 204 ? null : await answer.json()) as T;
}

export async function send(path: string, { method, body, signal, open }: Ask = {}): Promise<Response> {
  const headers: Record<string, string> = {};
  const key = currentKey();
  if (key !== null && !open) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const text = body === undefined ? undefined : JSON.stringify(body);
  let answer: Response;
  try {
    answer = await fetch(`${ROOT}/${path}`, {
      method: method ?? (text === undefined ? "GET" : "POST"),
      headers,
      body: text,
      signal,
      // What was changed is kept even if the page is left at once.
      keepalive: method === "PUT" && text !== undefined && text.length < KEEPALIVE_LENGTH,
    });
  } catch (reason) {
    if (signal?.aborted) throw reason;
    throw new ApiError(0, "unreachable", "SmolHog does not answer. Is it running, and are you online?");
  }
  if (answer.ok) return answer;
  throw await errorOf(answer);
}

async function errorOf(answer: Response): Promise<ApiError> {
  const seconds = Number(answer.headers.get("retry-after"));
  const retry = Number.isFinite(seconds) && seconds > 0 ? seconds : null;
  try {
    const { error } = (await answer.json()) as {
      error: { code: string; message: string; field?: string };
    };
    return new ApiError(answer.status, error.code, error.message, error.field ?? null, retry);
  } catch {
    return new ApiError(
      answer.status,
      "unexpected",
      `The server answered with status ${answer.status}.`,
      null,
      retry,
    );
  }
}

/** Return a path with those parameters that are there. */
export function withQuery(
  path: string,
  parameters: Record<string, string | number | null | undefined>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
