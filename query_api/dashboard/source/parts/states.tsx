/** What stands where an answer will be: a skeleton, what went wrong, or that there is nothing. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Answered } from "../answer";
import type { ApiError } from "../client";
import { Icon } from "./icon";

export function Skeleton({ height = 200 }: { height?: number }) {
  return <div class="skeleton" role="status" aria-label="Loading" style={{ height: `${height}px` }} />;
}

export function ErrorNote({
  error,
  onRetry,
  small,
}: {
  error: ApiError;
  onRetry: () => void;
  small?: boolean;
}) {
  // What may pass is tried again by itself.
  useEffect(() => {
    if (!error.passing) return;
    const due = setTimeout(onRetry, (error.retryAfterSeconds ?? 3) * 1000);
    return () => clearTimeout(due);
  }, [error, onRetry]);
  return (
    <div class={small ? "note error small" : "note error"} role="alert">
      <Icon name="alert" />
      <div>
        <p>{error.message}</p>
        <p class="faint">
          <code>{error.code}</code>
          {error.field && (
            <>
              {" "}
              in <code>{error.field}</code>
            </>
          )}
          {error.passing && " · trying again by itself"}
        </p>
      </div>
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="note empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

interface StatesProps<T> {
  answer: Answered<T>;
  height?: number;
  isEmpty?: (data: T) => boolean;
  empty?: ComponentChildren;
  children: (data: T) => ComponentChildren;
}

/** Shows the answer, or what there is instead of it. */
export function States<T>({ answer, height, isEmpty, empty, children }: StatesProps<T>) {
  const { data, error, loading, again } = answer;
  if (data === null) {
    if (error !== null) return <ErrorNote error={error} onRetry={again} />;
    return <Skeleton height={height} />;
  }
  return (
    <div class={loading ? "answer stale" : "answer"} aria-busy={loading}>
      {error !== null && <ErrorNote error={error} onRetry={again} small />}
      {isEmpty?.(data) ? (empty ?? <Empty title="Nothing in this range" />) : children(data)}
    </div>
  );
}
