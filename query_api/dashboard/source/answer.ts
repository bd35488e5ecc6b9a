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

/** Milliseconds until it is looked again whether an answer that is under way has come. */
const MOMENT = 200;

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
    let due = 0;
    const follow = () => {
      due = 0;
      // What takes long is asked less often.
      const wait = last.current + Math.max(every, took.current * PATIENCE) - Date.now();
      if (running.current === null && wait <= 0) run(false);
      // Later, then: what happened just now must not wait for the next event, which may never come.
      else due = window.setTimeout(follow, Math.max(wait, MOMENT));
    };
    const stop = onPulse(() => {
      if (!due) follow();
    });
    return () => {
      stop();
      clearTimeout(due);
    };
  }, [every, run]);

  const again = useCallback(() => run(true), [run]);
  const stale = state.question !== question;
  return { ...state, loading: state.loading || (stale && path !== null), again };
}
