"""Keeps table ``people``: notices new links between ids and writes down who is one person.

Any number of processes may do so at once, die in between and start again: what they write is a function
of the links that are stored (:mod:`query_api.people.components`), and the version lets the row of whoever
knew more win. While nothing is new it costs one look at the list of parts.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice

import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from query_api.new_parts import ACTIVE_PARTS, Part, SeenBlocks, still_listed
from query_api.people.components import Link, Person, people_of
from sinks.clickhouse.cluster import databases_of
from sinks.clickhouse.connect import connect

POLL_SECONDS = 0.5
_AWAY_SECONDS = 2.0
_IDS_AT_ONCE = 2_000
_TIMEOUT_SECONDS = 60
_log = structlog.get_logger()

_NEW = "SELECT DISTINCT project_id, distinct_id FROM identity_links WHERE _part IN {parts:Array(String)}"

# Ids whose person does not say what the links say: never written, in two halves, or made of fewer links.
_UNSETTLED = """
SELECT DISTINCT project_id, distinct_id
FROM (
    SELECT
        links.project_id AS project_id,
        links.distinct_id AS distinct_id,
        one.person_id AS person_id,
        other.person_id AS other_person_id,
        one.version AS version,
        count() OVER (PARTITION BY project_id, person_id) AS found
    FROM (SELECT DISTINCT project_id, distinct_id, other_id, identified FROM identity_links) AS links
    LEFT ANY JOIN (SELECT * FROM people FINAL) AS one
        ON one.project_id = links.project_id AND one.distinct_id = links.distinct_id
    LEFT ANY JOIN (SELECT * FROM people FINAL) AS other
        ON other.project_id = links.project_id AND other.distinct_id = links.other_id
)
WHERE version != found OR person_id != other_person_id
"""

_LINKS = """
SELECT DISTINCT distinct_id, other_id, identified
FROM identity_links
WHERE project_id = {project_id:UInt32} AND distinct_id IN {ids:Array(String)}
"""


class PeopleKeeper:
    """Writes table ``people``.

    Args:
        url: where ClickHouse is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client | None = None
        # None until everything that was there before was checked.
        self._seen: SeenBlocks | None = None

    async def run(self) -> None:
        """Catch up every half second until cancelled; a store that is away is tried again."""
        is_away = False
        while True:
            try:
                await asyncio.to_thread(self.catch_up)
            except (ClickHouseError, HTTPError, OSError) as error:
                if not is_away:
                    _log.warning("people wait for ClickHouse", error=str(error).partition("\n")[0][:300])
                is_away = True
                await asyncio.sleep(_AWAY_SECONDS)
                continue
            if is_away:
                _log.info("people are kept again")
            is_away = False
            await asyncio.sleep(POLL_SECONDS)

    def catch_up(self) -> int:
        """Take in all links that are stored now; returns how many rows were written.

        Raises:
            clickhouse_connect.driver.exceptions.ClickHouseError: ClickHouse is away or not set up.
            urllib3.exceptions.HTTPError: likewise.
            OSError: likewise.
        """
        try:
            return self._catch_up()
        except (ClickHouseError, HTTPError, OSError):
            self.close()
            # A server that was started anew may have been given other data: look at everything again.
            self._seen = None
            raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _catch_up(self) -> int:
        client = self._connected()
        seen = SeenBlocks() if self._seen is None else self._seen
        new = seen.unseen(_listed(client))
        written = 0
        if new:
            asked = (_UNSETTLED, {}) if self._seen is None else (_NEW, {"parts": [part.name for part in new]})
            touched: dict[int, set[str]] = {}
            for project_id, distinct_id in client.query(asked[0], parameters=asked[1]).result_rows:
                touched.setdefault(project_id, set()).add(distinct_id)
            listed_after = _listed(client)
            written = sum(self._settle(client, project_id, ids) for project_id, ids in touched.items())
            seen.add(still_listed(new, listed_after))
        self._seen = seen
        return written

    def _settle(self, client: Client, project_id: int, ids: set[str]) -> int:
        """Write the people that these ids belong to."""
        written = 0
        while ids:
            links = _links_around(client, project_id, islice(ids, _IDS_AT_ONCE))
            people = people_of(links)
            written += _write(client, project_id, people)
            ids = ids.difference(*(person.distinct_ids for person in people))
        return written

    def _connected(self) -> Client:
        if self._client is None:
            self._client = connect(self._url, timeout_seconds=_TIMEOUT_SECONDS)
        return self._client


def _listed(client: Client) -> list[Part]:
    asked = {"table": "identity_links", "databases": databases_of(str(client.database))}
    rows = client.query(ACTIVE_PARTS, parameters=asked).result_rows
    return [Part(*row) for row in rows]


def _links_around(client: Client, project_id: int, ids: Iterable[str]) -> set[Link]:
    """Return all links of the people that have one of these ids."""
    found: set[Link] = set()
    known: set[str] = set(ids)
    edge = known
    while edge:
        reached: set[str] = set()
        for some in _portions(edge):
            rows = client.query(_LINKS, parameters={"project_id": project_id, "ids": some}).result_rows
            links = [Link(one, other, bool(identified)) for one, other, identified in rows]
            found.update(links)
            reached.update(link.other_id for link in links)
        edge = reached - known
        known |= edge
    return found


def _portions(ids: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, _IDS_AT_ONCE)):
        yield some


def _write(client: Client, project_id: int, people: list[Person]) -> int:
    rows = [
        (project_id, distinct_id, person.person_id, person.version)
        for person in people
        for distinct_id in person.distinct_ids
    ]
    if rows:
        client.insert("people", rows, column_names=("project_id", "distinct_id", "person_id", "version"))
    return len(rows)


@asynccontextmanager
async def keeping_people(url: str) -> AsyncIterator[None]:
    """Keep table ``people`` while the block runs.

    Args:
        url: where ClickHouse is; it may be away.
    """
    keeper = PeopleKeeper(url)
    task = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(keeper.close)
