/** What arrives at this moment: pushed, not asked for. */
import { Spark } from "../charts/spark";
import { exactNumber, shortNumber } from "../formats";
import { useFigures } from "../live";

export function RightNow() {
  const { state, perSecond, events, history } = useFigures();
  return (
    <div class="right-now">
      <div class="figure-label">
        <i class={`live-dot ${state}`} aria-hidden="true" /> Right now
      </div>
      <div class="figure-value">
        {state === "live" ? (
          <>
            {shortNumber(perSecond)}
            <small>/s</small>
          </>
        ) : (
          <small class="faint">{state === "polling" ? "every 2 s" : "…"}</small>
        )}
      </div>
      <Spark values={history} places={60} label="Events a second, the last minute" />
      <div class="faint right-now-note">
        {events === null ? "\u00a0" : `${exactNumber(events)} since you came`}
      </div>
    </div>
  );
}
