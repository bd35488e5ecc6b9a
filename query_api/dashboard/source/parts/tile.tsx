/** One figure, large, with its change against the period before. */
import type { ComponentChildren } from "preact";
import { change, exactNumber, percent } from "../formats";

interface Props {
  label: string;
  value: string;
  /** In full, where `value` is short. */
  full?: string;
  approximate?: boolean;
  now?: number | null;
  before?: number | null;
  /** A rise is bad news. */
  inverse?: boolean;
  children?: ComponentChildren;
}

export function Figure({ label, value, full, approximate, now = null, before, inverse, children }: Props) {
  const moved = change(now, before);
  const good = moved !== null && (inverse ? moved < 0 : moved > 0);
  return (
    <div class="figure">
      <div class="figure-label">{label}</div>
      <div class="figure-value" title={full}>
        {approximate && (
          <span class="about" title="Approximate, within about 1 %">
            ≈
          </span>
        )}
        {value}
      </div>
      {moved !== null && (
        <div
          class={Math.abs(moved) < 0.0005 ? "moved" : good ? "moved good" : "moved bad"}
          title={`${exactNumber(before)} in the period before`}
        >
          {moved > 0.0005 ? "▲" : moved < -0.0005 ? "▼" : "•"} {percent(Math.abs(moved))}
          <span class="unseen"> {moved < 0 ? "less" : "more"} than in the period before</span>
        </div>
      )}
      {children}
    </div>
  );
}
