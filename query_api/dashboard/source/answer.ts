/** Asks a question again whenever it changes, and while it is live whenever something happened. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { onKey } from "./access";
import { ApiError, ask } from "./client";
import { onPulse } from "./live";

export interface Answered<T> {
  data: T | null;
  error: ApiError | null;
  /** Being asked, with nothing to show yet or with the answer to an older question. */
  loading: boolean;
  /** When the answer came, by this machine's clock. */
  at: number | null;
  again: () => void;
}

export interface Asking {
  /** `null` asks nothing. */
  path: string | null;
  body?: unknown;
  method?: "GET" | "POST";
  open?: boolean;
  /** Least milliseconds between two askings that a pulse causes; 0 or absent: pulses do not matter. */
  every?: number;
}

/** Cheap questions follow the pulse; those that read many events do so now and then. */
export const CHEAP = 900;
export const COSTLY = 10_000;

/** A store answers this page at most one part in so many of its time, for each card. */
const PATIENCE = 4;

export function useAnswer<T>({ path, body, method, open, every = 0 }: Asking): Answered<T> {
  const question = JSON.stringify([path, method ?? null, body ?? null]);
  const [state, setState] = useState<Omit<Answered<T>, "again"> & { question: string }>(() => ({
    data: null,
    error: null,
    loading: path !== null,
    at: null,
    question,
  }));
  const running = useRef<AbortController | null>(null);
  const last = useRef(0);
  const took = useRef(0);
  const asked = useRef({ path, body, method, open });
  asked.current = { path, body, method, open };

  const run = useCallback((fresh: boolean) => {
    const { path: where, body: what, method: how, open: opened } = asked.current;
    running.current?.abort();
    running.current = null;
    if (where === null) {
      setState((old) => ({ ...old, data: null, error: null, loading: false }));
      return;
    }
    const controller = new AbortController();
    running.current = controller;
    last.current = Date.now();
    const about = JSON.stringify([where, how ?? null, what ?? null]);
    if (fresh) setState((old) => ({ ...old, loading: true }));
    ask<T>(where, { body: what, method: how, signal: controller.signal, open: opened }).then(
      (data) => {
        if (running.current !== controller) return;
        running.current = null;
        took.current = Date.now() - last.current;
        setState({ data, error: null, loading: false, at: Date.now(), question: about });
      },
      (reason: unknown) => {
        if (running.current !== controller) return;
        running.current = null;
        const error = reason instanceof ApiError ? reason : new ApiError(0, "unexpected", String(reason));
        // A passing failure leaves what was there; another question has no use for it.
        setState((old) => ({
          ...old,
          data: error.passing && old.question === about ? old.data : null,
          error,
          loading: false,
          question: about,
        }));
      },
    );
  }, []);
  useEffect(() => {
    run(true);
    return () => {
      running.current?.abort();
      running.current = null;
    };
  }, [question, run]);

  useEffect(() => onKey(() => run(true)), [run]);

  useEffect(() => {
    if (!every) return;
    return onPulse(() => {
      // One that is under way would be too old by nothing but a moment; what takes long is asked less often.
      const pause = Math.max(every, took.current * PATIENCE);
      if (running.current === null && Date.now() - last.current >= pause) run(false);
    });
  }, [every, run]);

  const again = useCallback(() => run(true), [run]);
  const stale = state.question !== question;
  return { ...state, loading: state.loading || (stale && path !== null), again };
}
