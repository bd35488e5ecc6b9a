/** Whether everything that arrives is stored, and how soon. */
import { useEffect, useState } from "preact/hooks";
import { linkTo } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { PipelineAnswer } from "../answers";
import { Spark } from "../charts/spark";
import { bytes, duration, exactNumber, shortNumber } from "../formats";
import { onPulse } from "../live";
import { Card } from "../parts/card";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, States } from "../parts/states";
import { Figure } from "../parts/tile";

const HISTORY = 60;

export default function Pipeline() {
  const answer = useAnswer<PipelineAnswer>({ path: "pipeline", every: CHEAP });
  const { again } = answer;
  const [rates, setRates] = useState<number[]>([]);
  useEffect(() => {
    const rate = answer.data?.stored_per_second;
    if (typeof rate === "number") setRates((old) => [...old, rate].slice(-HISTORY));
  }, [answer.data]);
  // Health is asked for even while nothing happens: that may be the very symptom.
  useEffect(() => {
    let pulsed = false;
    const stop = onPulse(() => {
      pulsed = true;
    });
    const beat = setInterval(() => {
      if (!pulsed && !document.hidden) again();
      pulsed = false;
    }, 3000);
    return () => {
      stop();
      clearInterval(beat);
    };
  }, [again]);
  return (
    <>
      <ScopeBar title="Pipeline" />
      <States answer={answer} height={480}>
        {(data) => (
          <>
            <Health data={data} />
            <Card about={data} title="Right now">
              <div class="figures">
                {data.acknowledged_per_second !== null && (
                  <Figure label="Arriving" value={`${shortNumber(data.acknowledged_per_second)}/s`} />
                )}
                <Figure label="Stored" value={`${shortNumber(data.stored_per_second)}/s`}>
                  <Spark values={rates} places={HISTORY} label="Stored events a second" />
                </Figure>
                <Figure
                  label="Today"
                  value={shortNumber(data.events_today)}
                  full={exactNumber(data.events_today)}
                />
                <Figure label="Furthest behind" value={duration(furthest(data))} />
                {data.spool && (
                  <Figure
                    label="Waiting in the spool"
                    value={exactNumber(data.spool.messages)}
                    full={bytes(data.spool.bytes)}
                  />
                )}
              </div>
            </Card>
            <div class="grid two">
              <Partitions data={data} />
              <div class="stack">
                <Stores data={data} />
                <LastHour data={data} />
              </div>
            </div>
          </>
        )}
      </States>
    </>
  );
}

function furthest(data: PipelineAnswer): number | null {
  const lags = data.partitions.map((one) => one.lag_seconds).filter((lag) => lag !== null);
  return lags.length > 0 ? Math.max(...lags) : null;
}

const BEHIND_SECONDS = 30;

function Health({ data }: { data: PipelineAnswer }) {
  const lag = furthest(data);
  const spooled = data.spool !== null && data.spool.messages > 0;
  const behind = lag !== null && lag > BEHIND_SECONDS;
  const silent = data.silent.join(" and ");
  const [tone, text] = silent
    ? ["warn", `No answer from ${silent}. What was acknowledged waits in the event log; nothing is lost.`]
    : spooled
      ? ["warn", "The event log is away. The gateway keeps what arrives in its spool; nothing is lost."]
      : behind
        ? ["warn", `Storing is ${duration(lag)} behind what arrives.`]
        : ["good", "Everything that arrives is stored within moments."];
  return (
    <p class={`health ${tone}`} role="status">
      <Icon name={tone === "good" ? "check" : "alert"} /> {text}
    </p>
  );
}

function Partitions({ data }: { data: PipelineAnswer }) {
  return (
    <Card title="Partitions of the event log">
      <div class="table-room" role="region" aria-label="Partitions" tabIndex={0}>
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Partition</th>
              <th scope="col" class="number">
                Stored up to
              </th>
              <th scope="col" class="number">
                Messages behind
              </th>
              <th scope="col" class="number">
                Time behind
              </th>
            </tr>
          </thead>
          <tbody>
            {data.partitions.map((one) => (
              <tr key={one.partition}>
                <th scope="row">{one.partition}</th>
                <td class="number">{exactNumber(one.stored_offset)}</td>
                <td class="number">{exactNumber(one.lag_messages)}</td>
                <td class="number">{duration(one.lag_seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

const STORE_NAMES: Record<string, string> = { clickhouse: "ClickHouse", postgres: "PostgreSQL" };

function Stores({ data }: { data: PipelineAnswer }) {
  return (
    <Card title="Stores">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Store</th>
            <th scope="col" class="number">
              Rows
            </th>
            <th scope="col" class="number">
              Size
            </th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(data.stores).map(([name, store]) => (
            <tr key={name}>
              <th scope="row">{STORE_NAMES[name] ?? name}</th>
              <td class="number">{exactNumber(store?.rows)}</td>
              <td class="number">{bytes(store?.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

function LastHour({ data }: { data: PipelineAnswer }) {
  return (
    <Card
      title="Rejected in the last hour"
      actions={
        <Link class="button quiet" to={linkTo("/rejected")}>
          Look <Icon name="right" size={14} />
        </Link>
      }
    >
      {data.rejected_last_hour.length === 0 ? (
        <Empty title="Nothing" />
      ) : (
        <table class="table">
          <tbody>
            {data.rejected_last_hour.map((one) => (
              <tr key={one.reason}>
                <th scope="row">{one.reason}</th>
                <td class="number">{exactNumber(one.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}
