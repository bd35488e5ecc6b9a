"""The command line takes names as data, whatever they hold."""

import json
import string
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from projects.errors import InvalidOrigin
from projects.origins import parse_origin
from sinks.postgres.migrate import migrate_postgres
from smolhog.cli import app
from smolhog.errors import SmolHogError
from tests.fixtures_postgres import PostgresServer
from tests.security.questions import HOSTILE

TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=60)
)
_slow = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40
)


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database that the commands are pointed at."""
    with postgres_server.database() as url, pytest.MonkeyPatch.context() as patch:
        migrate_postgres(url)
        patch.setenv("SMOLHOG_POSTGRES_URL", url)
        yield url


def run(*arguments: str) -> tuple[int, str]:
    """Run a command in this process; errors of ours are told as the command line would."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit | SmolHogError):
        raise result.exception
    return result.exit_code, result.output


@given(name=TEXTS, key_name=TEXTS, other=TEXTS)
@_slow
def test_names_are_stored_as_they_are(database: str, name: str, key_name: str, other: str) -> None:
    """A project or key of any name is made under that name; nothing else changes."""
    run("projects", "create", "--", name)
    run("keys", "create", "--kind", "read", "--name", key_name, "--", name.strip())
    run("keys", "create", "--kind", "write", "--origin", other, "--", name)
    run("keys", "revoke", "--", other)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT 1 FROM projects WHERE name = %s", [name.strip()]).fetchone() or (
            not name.strip() or not _is_utf8(name)
        )
        assert connection.execute("SELECT to_regclass('events')").fetchone() != (None,)
        assert (
            connection.execute("SELECT count(*) FROM keys WHERE revoked_at IS NOT NULL").fetchone()
            is not None
        )
    if name.strip() and _is_utf8(name):
        listed = json.loads(run("projects", "list", "--json")[1])
        assert name.strip() in {project["name"] for project in listed}


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


HOSTS = st.from_regex(r"\A[a-z][a-z0-9-]{0,20}(\.[a-z]{2,5}){0,2}\Z")


@given(
    st.sampled_from(["http", "https", "HTTPS"]),
    HOSTS,
    st.one_of(st.none(), st.integers(1, 65535)),
    st.sampled_from(["", "/"]),
)
def test_an_origin_is_written_as_browsers_write_it(
    scheme: str, host: str, port: int | None, slash: str
) -> None:
    """Small letters, no port that the scheme implies, no slash; and what came out goes in again."""
    text = f"{scheme}://{host.upper()}{'' if port is None else f':{port}'}{slash}"
    implied = port in {None, {"http": 80, "https": 443}[scheme.lower()]}
    assert parse_origin(text) == f"{scheme.lower()}://{host}{'' if implied else f':{port}'}"
    assert parse_origin(parse_origin(text)) == parse_origin(text)


@given(st.one_of(st.text(), st.text(string.printable), st.sampled_from(HOSTILE)))
def test_anything_else_is_no_origin(text: str) -> None:
    """What is taken has a scheme, a host and nothing else."""
    try:
        origin = parse_origin(text)
    except InvalidOrigin:
        return
    assert origin.startswith(("http://", "https://"))
    assert not set(origin.partition("://")[2]) & set("/?#@* '\"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "null",
        "shop.example",
        "https://",
        "https://*.shop.example",
        "https://a/b",
        "https://a?b",
        "https://u:p@a",
        "ftp://a",
        "https://a:99999",
        "https://[",
        "https://a b",
    ],
)
def test_these_are_no_origins(text: str) -> None:
    """Half an origin would keep everybody out, and a wildcard lets strangers in."""
    with pytest.raises(InvalidOrigin):
        parse_origin(text)
