/** Questions that no explorer has. */
import { useEffect, useRef, useState } from "preact/hooks";
import { keep, recall } from "../access";
import { useParameter } from "../address";
import type { SqlAnswer } from "../answers";
import { ApiError, ask } from "../client";
import { csv, save } from "../downloads";
import { exactNumber } from "../formats";
import { IconButton } from "../parts/buttons";
import { Card } from "../parts/card";
import { Icon } from "../parts/icon";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, ErrorNote, Skeleton } from "../parts/states";
import { Table } from "../parts/table";

const HISTORY_KEY = "smolhog.sql";
const HISTORY = 12;
const FIRST = "SELECT event, count() AS n\nFROM events\nGROUP BY event\nORDER BY n DESC\nLIMIT 20";
const EXAMPLES: [string, string][] = [
  ["Events by name", FIRST],
  [
    "Events a minute, the last hour",
    "SELECT toStartOfMinute(timestamp) AS minute, count() AS n\nFROM events\nWHERE timestamp > now() - INTERVAL 1 HOUR\nGROUP BY minute\nORDER BY minute",
  ],
  ["The newest people", "SELECT *\nFROM people\nLIMIT 20"],
  ["The longest sessions", "SELECT *\nFROM sessions\nLIMIT 20"],
];
const TABLES = ["events", "rollup_minute", "rollup_hour", "sessions", "people"];
const LIMIT = 1000;

export default function Sql() {
  const [query, setQuery] = useParameter("query", FIRST);
  const [draft, setDraft] = useState<string | null>(null);
  const [answer, setAnswer] = useState<SqlAnswer | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const [history, setHistory] = useState<string[]>(readHistory);
  const text = draft ?? query;
  const given = useRef(new URLSearchParams(location.search).has("query"));
  const run = async (wanted: string) => {
    setQuery(wanted);
    setDraft(null);
    setBusy(true);
    setError(null);
    try {
      setAnswer(await ask<SqlAnswer>("sql", { body: { query: wanted, limit: LIMIT } }));
      const next = [wanted, ...history.filter((old) => old !== wanted)].slice(0, HISTORY);
      setHistory(next);
      keep(HISTORY_KEY, JSON.stringify(next));
    } catch (reason) {
      setError(reason instanceof ApiError ? reason : new ApiError(0, "unexpected", String(reason)));
    }
    setBusy(false);
  };
  // A link to a query shows its answer.
  useEffect(() => {
    if (given.current) void run(query);
  }, []);
  return (
    <>
      <ScopeBar title="SQL" />
      <div class="sql">
        <Card title="Query" class="sql-query">
          <textarea
            class="sql-text"
            aria-label="SQL query"
            data-shortcut="/"
            spellcheck={false}
            rows={Math.min(22, Math.max(7, text.split("\n").length + 1))}
            value={text}
            onInput={(event) => setDraft(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                void run(event.currentTarget.value);
              }
            }}
          />
          <div class="panel-foot">
            <span class="faint">Reads this project only. Ctrl+Enter runs it.</span>
            <button type="button" class="button primary" disabled={busy} onClick={() => void run(text)}>
              <Icon name="play" size={14} /> {busy ? "Running…" : "Run"}
            </button>
          </div>
        </Card>
        <Card title="Begin with" class="sql-help">
          <ul class="menu-list">
            {EXAMPLES.map(([name, example]) => (
              <li key={name}>
                <button type="button" onClick={() => setDraft(example)}>
                  {name}
                </button>
              </li>
            ))}
          </ul>
          <h3>Tables</h3>
          <ul class="menu-list code-list">
            {TABLES.map((name) => (
              <li key={name}>
                <button
                  type="button"
                  title={`Describe ${name}`}
                  onClick={() => void run(`SELECT *\nFROM ${name}\nLIMIT 5`)}
                >
                  {name}
                </button>
              </li>
            ))}
          </ul>
          {history.length > 0 && (
            <>
              <h3>Lately</h3>
              <ul class="menu-list code-list">
                {history.map((one) => (
                  <li key={one}>
                    <button type="button" title={one} onClick={() => setDraft(one)}>
                      {one.replaceAll(/\s+/g, " ")}
                    </button>
                  </li>
                ))}
              </ul>
            </>
          )}
        </Card>
      </div>
      <Card
        title="Result"
        actions={
          answer && (
            <>
              <span class="faint">
                {exactNumber(answer.rows.length)} rows{answer.truncated && ", cut off"} in{" "}
                {exactNumber(answer.elapsed_ms)} ms
              </span>
              <IconButton
                icon="download"
                label="Download as CSV"
                onClick={() =>
                  save(
                    new Blob(
                      [
                        csv(
                          answer.columns.map((column) => column.name),
                          answer.rows,
                        ),
                      ],
                      { type: "text/csv" },
                    ),
                    "query.csv",
                  )
                }
              />
            </>
          )
        }
      >
        {error ? (
          <ErrorNote error={error} onRetry={() => void run(text)} />
        ) : busy && answer === null ? (
          <Skeleton height={160} />
        ) : answer === null ? (
          <Empty title="Nothing was asked yet" />
        ) : answer.rows.length === 0 ? (
          <Empty title="No rows" />
        ) : (
          <Result answer={answer} />
        )}
      </Card>
    </>
  );
}

function Result({ answer }: { answer: SqlAnswer }) {
  const columns = answer.columns.map((column, index) =>
    answer.columns.findIndex((one) => one.name === column.name) === index
      ? column.name
      : `${column.name} (${index + 1})`,
  );
  const numbers = answer.columns.map((column) => /Int|Float|Decimal/.test(column.type));
  const rows = answer.rows.map((row) =>
    row.map((value) =>
      value === null || typeof value === "number"
        ? value
        : typeof value === "object"
          ? JSON.stringify(value)
          : String(value),
    ),
  );
  return (
    <Table
      label="Result"
      data={{ columns, rows }}
      names={columns.length}
      format={(value, column) =>
        numbers[column] && typeof value === "number" ? exactNumber(value) : (value ?? "NULL")
      }
    />
  );
}

function readHistory(): string[] {
  try {
    const kept: unknown = JSON.parse(recall(HISTORY_KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}
