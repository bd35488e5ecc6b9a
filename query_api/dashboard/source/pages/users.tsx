/** The people of a project. */
import { useEffect, useState } from "preact/hooks";
import { linkTo, useParameter } from "../address";
import { CHEAP, useAnswer } from "../answer";
import type { Person, UsersAnswer } from "../answers";
import { ask, said } from "../client";
import { propertyName } from "../filters";
import { dateTime, exactNumber, valueName } from "../formats";
import { Card } from "../parts/card";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { ScopeBar } from "../parts/scope_bar";
import { Empty, States } from "../parts/states";
import type { UsersQuestion } from "../questions";
import { useScope } from "../scope";
import { toast } from "../toasts";

const PAGE = 50;

export default function Users() {
  const scope = useScope();
  const [search, setSearch] = useParameter("search", "");
  const question: UsersQuestion = {
    range: scope.range,
    timezone: scope.timezone,
    search: search || null,
    filter: scope.filter,
    limit: PAGE,
    cursor: null,
  };
  const answer = useAnswer<UsersAnswer>({ path: "users", body: question, every: scope.live ? CHEAP * 5 : 0 });
  return (
    <>
      <ScopeBar title="Users" scope={scope} />
      <Card
        about={answer.data}
        title="Active in this range"
        actions={
          <label class="search">
            <span class="unseen">Find somebody</span>
            <Icon name="search" size={16} />
            <input
              type="search"
              class="field"
              data-shortcut="/"
              placeholder="Find an id or a property"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value, "replace")}
            />
          </label>
        }
      >
        <States
          answer={answer}
          height={480}
          isEmpty={(data) => data.users.length === 0}
          empty={
            <Empty title="Nobody">
              <p class="faint">
                {search
                  ? `Nobody whose ids or properties have “${search}” in them.`
                  : "Nobody was active in this range."}
              </p>
            </Empty>
          }
        >
          {(data) => (
            <People key={JSON.stringify(question)} first={data} question={question} zone={scope.timezone} />
          )}
        </States>
      </Card>
    </>
  );
}

function People({ first, question, zone }: { first: UsersAnswer; question: UsersQuestion; zone: string }) {
  const [more, setMore] = useState<Person[]>([]);
  const [next, setNext] = useState<string | null>(first.next);
  const [busy, setBusy] = useState(false);
  // A newer first page begins a new list, unless somebody has read on.
  useEffect(() => {
    if (more.length === 0) setNext(first.next);
  }, [first, more.length]);
  const load = async () => {
    setBusy(true);
    try {
      const page = await ask<UsersAnswer>("users", { body: { ...question, cursor: next } });
      setMore([...more, ...page.users]);
      setNext(page.next);
    } catch (reason) {
      toast(said(reason));
    }
    setBusy(false);
  };
  const known = new Set(first.users.map((person) => person.person_id));
  const people = [...first.users, ...more.filter((person) => !known.has(person.person_id))];
  return (
    <>
      <div class="table-room" role="region" aria-label="Users" tabIndex={0}>
        <table class="table rows">
          <thead>
            <tr>
              <th scope="col">Who</th>
              <th scope="col">Known as</th>
              <th scope="col" class="number">
                Events
              </th>
              <th scope="col">First seen</th>
              <th scope="col">Last seen</th>
            </tr>
          </thead>
          <tbody>
            {people.map((person) => (
              <tr key={person.person_id}>
                <th scope="row">
                  <Link class="person-link" to={linkTo(`/users/${encodeURIComponent(person.person_id)}`)}>
                    <Avatar name={personName(person)} />
                    {personName(person)}
                  </Link>
                </th>
                <td class="faint clip">{describePerson(person)}</td>
                <td class="number">{exactNumber(person.events)}</td>
                <td>{dateTime(person.first_seen, zone)}</td>
                <td>{dateTime(person.last_seen, zone)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {next && (
        <button type="button" class="button more" disabled={busy} onClick={() => void load()}>
          {busy ? "Loading…" : "More"}
        </button>
      )}
    </>
  );
}

export function personName(person: Person): string {
  for (const name of ["name", "$name", "email", "$email"]) {
    const value = person.properties[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return person.distinct_ids[0] ?? person.person_id;
}

function describePerson(person: Person): string {
  const ids = person.distinct_ids.length > 1 ? [`${person.distinct_ids.length} ids`] : [];
  const facts = Object.entries(person.properties)
    .slice(0, 3)
    .map(([name, value]) => `${propertyName(name)} ${valueName(value)}`);
  return [...ids, ...facts].join(" · ");
}

export function Avatar({ name }: { name: string }) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return (
    <i class="avatar" aria-hidden="true" style={{ color: `var(--c${hash % 8})` }}>
      {(name.replace(/[^\p{L}\p{N}]/gu, "").slice(0, 1) || "?").toUpperCase()}
    </i>
  );
}
