"""As much of ClickHouse's SQL as a server needs before it hands a query to the engine. Pure.

The engine parses SQL; this module only finds what HTTP makes the server's business: where an INSERT's statement
ends and its data begins, which output format a query asks for, and what must not run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_TOKEN = re.compile(
    rb"""
      (?P<space>\s+ | --[^\n]*(?:\n|\Z) | \#[ !][^\n]*(?:\n|\Z) | /\*.*?\*/)
    | (?P<string>'(?:[^'\\]|\\.|'')*')
    | (?P<quoted>`(?:[^`\\]|\\.|``)*` | "(?:[^"\\]|\\.|"")*")
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<number>[0-9][0-9A-Za-z_]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NO_DATA = (b"SELECT", b"WITH", b"VALUES", b"FROM", b"WATCH", b"EXPLAIN")
_OPENING = (b"(", b"[", b"{")
_CLOSING = (b")", b"]", b"}")


class Reading(Enum):
    """What the beginning of a text turned out to be, when it is not an INSERT with data."""

    QUERY = "query"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class DataInsert:
    """An INSERT whose rows follow in the request, in `format`.

    `statement` is the SQL before FORMAT; the data starts at byte `data_start` of the text.
    """

    statement: str
    format: str
    data_start: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What the server must know about a query that is not an INSERT with data.

    `keyword` is the first word in upper case, empty for an empty query. `format` is the one named by the query.
    """

    keyword: str
    format: str | None
    writes_outfile: bool
    reads_infile: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, *words: bytes) -> bool:
        return self.kind == "word" and self.text.upper() in words


def _tokens(text: bytes) -> Iterator[_Token]:
    """Tokens one by one, so that a reader who has seen enough never walks through an INSERT's data."""
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "mark"
        if kind == "space":
            continue
        found = match.group()
        if found in _CLOSING:
            depth = max(0, depth - 1)
        yield _Token(kind, found, match.start(), match.end(), depth)
        if found in _OPENING:
            depth += 1


def _data_start(text: bytes, after: int, *, whole: bool) -> int | None:
    """ClickHouse's rule: blanks and at most one line break separate the format's name from the data."""
    rest = re.compile(rb"[ \t\f]*(\r?\n)?").match(text, after)
    end = rest.end() if rest else after
    decided = whole or (rest is not None and rest.group(1) is not None) or end < len(text)
    return end if decided else None


def parse_insert(text: bytes, *, whole: bool) -> DataInsert | Reading:
    """Tell an INSERT with data from every other query.

    Args:
        text: the beginning of the URL's query and the body, joined by a line break.
        whole: no more text will come, so what is undecided now is decided.

    Returns:
        `Reading.UNDECIDED` when more text is needed, which cannot happen when `whole`.
    """
    undecided = Reading.QUERY if whole else Reading.UNDECIDED
    before: _Token | None = None
    form: _Token | None = None
    for position, token in enumerate(_tokens(text)):
        if position == 0 and not token.is_word(b"INSERT"):
            unfinished = token.end == len(text) and b"INSERT".startswith(token.text.upper())
            return undecided if unfinished else Reading.QUERY
        if form is not None:
            return _data_insert(text, form, token, whole=whole)
        # INSERT INTO name …: the name itself is never taken for a keyword.
        if position >= 3 and not token.depth and (before is None or before.text != b"."):
            if token.is_word(*_NO_DATA):
                return Reading.QUERY
            form = token if token.is_word(b"FORMAT") else None
        before = token
    return undecided


def _data_insert(text: bytes, form: _Token, name: _Token, *, whole: bool) -> DataInsert | Reading:
    """The INSERT whose FORMAT clause is `form` and `name`."""
    undecided = Reading.QUERY if whole else Reading.UNDECIDED
    if name.end == len(text) and not whole:
        return undecided
    if name.is_word(b"VALUES"):
        return Reading.QUERY
    start = _data_start(text, name.end, whole=whole)
    if start is None:
        return undecided
    statement = text[: form.start].decode(errors="surrogateescape")
    return DataInsert(statement, name.text.decode(errors="surrogateescape"), start)


def describe(text: bytes) -> Statement:
    """What the server must know about a query before it runs it."""
    keyword = ""
    form = None
    outfile = infile = False
    before: _Token | None = None
    for token in _tokens(text):
        if not keyword and token.text not in (b"(", b";"):
            keyword = token.text.upper().decode(errors="replace")
        if before is not None and not before.depth:
            if before.is_word(b"FORMAT") and token.kind == "word":
                form = token.text.decode()
            outfile = outfile or (before.is_word(b"INTO") and token.is_word(b"OUTFILE"))
            infile = infile or (before.is_word(b"FROM") and token.is_word(b"INFILE"))
        if keyword == "INSERT" and token.is_word(b"VALUES") and not token.depth:
            break  # what follows are rows, perhaps megabytes of them
        before = token
    return Statement(keyword, form, outfile, infile)


def put_kill_target(text: bytes) -> bytes:
    """Make `KILL QUERY WHERE query_id = …` find the client's id, which the engine knows as the log comment."""
    parts = []
    end = 0
    for token in _tokens(text):
        if token.is_word(b"QUERY_ID", b"INITIAL_QUERY_ID"):
            parts += [text[end : token.start], b"Settings['log_comment']"]
            end = token.end
    return b"".join([*parts, text[end:]])
