"""Files of events, read as a stream of rows: CSV and JSON lines, plain or gzip.

A row that cannot be read is a row with a fault; its neighbours are read all the same. Row numbers
depend on the content alone, since event ids are made of them.
"""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self, cast

import msgspec

from smolhog.import_errors import ColumnsError, UnreadableFileError

FileFormat = Literal["csv", "jsonl"]

LARGEST_ROW = 1024 * 1024
"""Bytes (JSON lines) or characters (CSV) of one row. A longer one would not fit a frame anyway, and a
quote that is never closed must not swallow the rest of the file."""

_SUFFIXES: dict[str, FileFormat] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1024 * 1024
_SHOWN = 4096
"""Characters of a faulty row that are kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, as far as it could be read."""

    number: int
    """From 1, the header not counted; for JSON lines the line number."""
    line: int
    """Line of the (uncompressed) file where it starts, from 1."""
    values: dict[str, Any] | None
    """Its cells by column; ``None`` if there is a fault."""
    fault: str = ""
    """What is wrong and what to do about it."""
    raw: str = ""
    """The text of a faulty row, cut, for people to look at."""


def format_of(path: Path) -> FileFormat:
    """Tell the format by the file's name, with or without ``.gz``.

    Raises:
        UnreadableFileError: the name tells none.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if suffixes and suffixes[-1] == ".zip":
        raise UnreadableFileError(f"{path.name} is an archive: unpack it, and import its files one by one")
    found = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if found is None:
        raise UnreadableFileError(
            f"{path.name}: the name must end in .csv, .jsonl, .ndjson or .json, with or without .gz"
        )
    return found


class InputFile:
    """A file opened for one pass, gzip seen through. Use as a context manager.

    Raises:
        UnreadableFileError: on entry and from every read, for whatever the system or gzip reports.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.format = format_of(path)
        self._lines = _CsvLines(self._text_lines())
        self._names: list[str] | None = None

    def __enter__(self) -> Self:
        try:
            self._raw = self.path.open("rb")
            self.size = self.path.stat().st_size
            magic = self._raw.read(len(_GZIP_MAGIC))
            self._raw.seek(0)
        except OSError as error:
            raise UnreadableFileError(f"{self.path}: {error.strerror or error}") from error
        self._content: IO[bytes] = self._raw
        if magic == _GZIP_MAGIC:
            self._content = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw, mode="rb"))
        return self

    def __exit__(self, *exception: object) -> None:
        self._content.close()
        self._raw.close()

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read, of ``size``."""
        return self._raw.tell()

    def digests(self) -> Iterator[str]:
        """Hash the content: yields an empty string after each chunk, and the SHA-256 at the end."""
        digest = hashlib.sha256()
        while chunk := self._read(_CHUNK):
            digest.update(chunk)
            yield ""
        yield digest.hexdigest()

    def rows(self) -> Iterator[Row]:
        """Read all rows in order.

        Raises:
            ColumnsError: a CSV file has no header, or names a column twice.
        """
        return self._csv_rows() if self.format == "csv" else self._json_rows()

    def header(self) -> list[str] | None:
        """Give the names of a CSV file's columns; ``None`` for JSON lines.

        Raises:
            ColumnsError: there is no header, or it cannot be used.
        """
        if self.format == "csv" and self._names is None:
            self._names = self._read_header()
        return self._names

    def _read_header(self) -> list[str]:
        record = self._lines.next_record()
        if record is None or not any(record.cells):
            raise ColumnsError(f"{self.path.name} has no header line with the columns' names")
        if not _is_unicode(record.raw):
            raise ColumnsError(f"{self.path.name} is not UTF-8: convert it to UTF-8")
        names = [name.strip() or f"column_{place}" for place, name in enumerate(record.cells, start=1)]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ColumnsError(f"{self.path.name} names a column twice: {', '.join(sorted(twice))}")
        return names

    def _csv_rows(self) -> Iterator[Row]:
        names = self.header() or []
        number = 0
        while (record := self._lines.next_record()) is not None:
            if not record.fault and not record.cells:
                continue
            number += 1
            fault = record.fault
            if not fault and len(record.cells) != len(names):
                fault = (
                    f"has {len(record.cells)} columns, the header has {len(names)}: "
                    "put values that contain commas in quotes"
                )
            if not fault and not _is_unicode(record.raw):
                fault = "is not UTF-8: convert the file to UTF-8"
            if fault:
                yield Row(number, record.line, None, fault, _shown(record.raw))
            else:
                yield Row(number, record.line, dict(zip(names, record.cells, strict=True)))

    def _json_rows(self) -> Iterator[Row]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        number = 0
        while line := self._readline(LARGEST_ROW + 1):
            number += 1
            if len(line) > LARGEST_ROW and not line.endswith(b"\n"):
                self._skip_rest_of(line)
                yield Row(
                    number,
                    number,
                    None,
                    f"is longer than {LARGEST_ROW} bytes: split it",
                    _shown(line.decode(errors="replace")),
                )
                continue
            if not line.strip(b" \t\r\n\xef\xbb\xbf"):
                continue
            try:
                yield Row(number, number, decode(line.removeprefix(b"\xef\xbb\xbf")))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                fault = f"is not a JSON object on one line: {error}"
                yield Row(number, number, None, fault, _shown(line.decode(errors="replace")))

    def _text_lines(self) -> Iterator[str]:
        """Lines as text; bytes that are not UTF-8 are kept as surrogates, so that the row shows them."""
        first = True
        while line := self._readline(LARGEST_ROW + 1):
            text = line.decode("utf-8", "surrogateescape")
            if len(line) > LARGEST_ROW:
                self._skip_rest_of(line)
            yield text.removeprefix("\ufeff") if first else text
            first = False

    def _skip_rest_of(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._readline(LARGEST_ROW)

    def _read(self, size: int) -> bytes:
        try:
            return self._content.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"{self.path} is damaged: {error}") from error

    def _readline(self, limit: int) -> bytes:
        try:
            return self._content.readline(limit)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableFileError(f"{self.path} is damaged: {error}") from error


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str]
    raw: str
    fault: str = ""


class _CsvLines:
    """Puts physical lines together to CSV records, and finds its way back after a broken one.

    A record may span lines inside quotes. If it turns out broken (a quote that is never closed), only
    its first line is given up; reading goes on with the second.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._returned: list[str] = []
        self._taken: list[str] = []
        self._line = 0

    def next_record(self) -> _Record | None:
        """Read the next record; ``None`` at the end of the file."""
        self._taken = []
        start = self._line + 1
        try:
            cells = next(csv.reader(self._feed(), strict=True), None)
        except csv.Error as error:
            return self._give_up(start, str(error))
        if cells is None:
            return None
        return _Record(start, cells, "".join(self._taken))

    def _feed(self) -> Iterator[str]:
        size = 0
        while True:
            line = self._returned.pop() if self._returned else next(self._lines, None)
            if line is None:
                return
            self._taken.append(line)
            self._line += 1
            size += len(line)
            if size > LARGEST_ROW:
                raise csv.Error(f"longer than {LARGEST_ROW} characters")
            yield line

    def _give_up(self, start: int, why: str) -> _Record:
        first, *rest = self._taken
        self._returned.extend(reversed(rest))
        self._line = start
        return _Record(start, [], first, f"cannot be read as CSV ({why}): check its quotes")


def _shown(text: str) -> str:
    """Cut a faulty row, and make it fit to be written."""
    return text[:_SHOWN].rstrip("\r\n").encode("utf-8", "replace").decode()


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
