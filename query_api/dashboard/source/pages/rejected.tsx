/** Events that were refused, why, and what came. */
import { useEffect, useState } from "preact/hooks";
import { useParameter } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { RejectedAnswer, RejectedEvent } from "../answers";
import { ask, withQuery, said } from "../client";
import { dateTime } from "../formats";
import { Choice } from "../parts/buttons";
import { Card } from "../parts/card";
import { CodeBlock } from "../parts/copy";
import { Facts } from "../parts/facts";
import { Icon } from "../parts/icon";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, States } from "../parts/states";
import { useScope } from "../scope";
import { toast } from "../toasts";

const PAGE = 50;

export default function Rejected() {
  const scope = useScope();
  const [reason, setReason] = useParameter("reason", "");
  const [reasons, setReasons] = useState<string[]>([]);
  const question = {
    from: scope.range.from,
    to: scope.live ? null : scope.range.to,
    reason: reason || null,
    limit: PAGE,
  };
  const answer = useAnswer<RejectedAnswer>({
    path: withQuery("rejected", question),
    every: scope.live ? CHEAP * 2 : 0,
  });
  useEffect(() => {
    const found = answer.data?.rejected.map((one) => one.reason) ?? [];
    setReasons((old) => [...new Set([...old, ...found])].sort());
  }, [answer.data]);
  return (
    <>
      <ScopeBar title="Rejected events" scope={scope} plain />
      <Card
        about={answer.data}
        title="Refused, and kept with the reason"
        actions={
          <Choice
            label="Reason"
            hideLabel
            value={reason}
            options={[
              { value: "", label: "Every reason" },
              ...[...new Set([...reasons, ...(reason ? [reason] : [])])].map((one) => ({
                value: one,
                label: one,
              })),
            ]}
            onChange={setReason}
          />
        }
      >
        <States
          answer={answer}
          height={320}
          isEmpty={(data) => data.rejected.length === 0}
          empty={
            <Empty title="Nothing was rejected">
              <p class="faint">Every event of this range was stored.</p>
            </Empty>
          }
        >
          {(data) => (
            <Rows key={JSON.stringify(question)} first={data} question={question} zone={scope.timezone} />
          )}
        </States>
      </Card>
    </>
  );
}

function Rows({
  first,
  question,
  zone,
}: {
  first: RejectedAnswer;
  question: Parameters<typeof withQuery>[1];
  zone: string;
}) {
  const [older, setOlder] = useState<RejectedEvent[]>([]);
  const [next, setNext] = useState(first.next);
  const [open, setOpen] = useState<number | null>(null);
  const known = new Set(first.rejected.map((one) => one.number));
  const rows = [...first.rejected, ...older.filter((one) => !known.has(one.number))];
  const load = async () => {
    try {
      const page = await ask<RejectedAnswer>(withQuery("rejected", { ...question, before: next }));
      setOlder([...older, ...page.rejected]);
      setNext(page.next);
    } catch (reason) {
      toast(said(reason));
    }
  };
  return (
    <>
      <ol class="events rejected">
        {rows.map((row) => (
          <li key={row.number} class={open === row.number ? "event open" : "event"}>
            <button
              type="button"
              class="event-line"
              aria-expanded={open === row.number}
              onClick={() => setOpen(open === row.number ? null : row.number)}
            >
              <time dateTime={row.received_at}>{dateTime(row.received_at, zone, true)}</time>
              <span class="reason">{row.reason}</span>
              <span class="event-gist">{row.message}</span>
              <Icon name="right" size={14} />
            </button>
            {open === row.number && (
              <div class="event-details">
                <section>
                  <h3>What came</h3>
                  <CodeBlock code={pretty(row.payload)} label="What came" />
                </section>
                <section>
                  <h3>About</h3>
                  <Facts
                    facts={{
                      message: row.message,
                      "rejected by": row.rejected_by,
                      protocol: row.source,
                      "event id": row.event_id,
                      "sent again": row.replayed_at && dateTime(row.replayed_at, zone),
                    }}
                  />
                </section>
              </div>
            )}
          </li>
        ))}
      </ol>
      {next && (
        <button type="button" class="button more" onClick={() => void load()}>
          Earlier
        </button>
      )}
    </>
  );
}

function pretty(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    return payload; // it may have been refused for not being JSON
  }
}
