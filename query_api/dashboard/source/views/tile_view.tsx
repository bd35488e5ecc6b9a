/** Any saved chart: a tile of a dashboard. */
import type {
  BreakdownAnswer,
  FunnelsAnswer,
  PathsAnswer,
  RetentionAnswer,
  SessionsAnswer,
  StickinessAnswer,
  TrendsAnswer,
} from "../answers";
import { BarList } from "../parts/bar_list";
import type { Tile } from "../questions";
import { FunnelView } from "./funnel_view";
import { PathsView } from "./paths_view";
import { RetentionView } from "./retention_view";
import { SessionFigures, SessionsChart } from "./sessions_view";
import { StickinessView } from "./stickiness_view";
import { TrendsView } from "./trends_view";

export function TileView({ tile, answer, live }: { tile: Tile; answer: unknown; live: boolean }) {
  const interval = String(tile.question.interval ?? "day");
  switch (tile.kind) {
    case "trends":
      return (
        <TrendsView
          answer={answer as TrendsAnswer}
          kind={tile.chart ?? "area"}
          height={220}
          live={live}
          label={tile.title}
        />
      );
    case "funnels":
      return <FunnelView answer={answer as FunnelsAnswer} />;
    case "retention":
      return (
        <RetentionView
          answer={answer as RetentionAnswer}
          interval={interval as "day"}
          unit="share"
          open={live}
        />
      );
    case "stickiness":
      return <StickinessView answer={answer as StickinessAnswer} />;
    case "paths":
      return <PathsView answer={answer as PathsAnswer} onPick={null} />;
    case "sessions":
      return (
        <>
          <SessionFigures answer={answer as SessionsAnswer} />
          <SessionsChart
            answer={answer as SessionsAnswer}
            interval={interval}
            measure="sessions"
            live={live}
            height={200}
          />
        </>
      );
    case "breakdown":
      return <BarList bars={barsOf(answer as BreakdownAnswer)} unit="" />;
    case "text":
      return <p class="tile-text">{String(tile.question.text ?? "")}</p>;
  }
}

export function barsOf(answer: BreakdownAnswer) {
  return answer.rows.map((row) => ({ value: row.value, count: row.count ?? 0, share: row.share }));
}
