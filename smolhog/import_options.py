"""What an import is told, and what it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from smolhog.import_rejects import RejectedRow
from smolhog.import_vendors import ImportFormat


@dataclass(frozen=True)
class ImportOptions:
    """What to import, how to read it, and where to.

    Args:
        file: CSV or JSON lines, plain or gzip.
        write_key: of the project.
        url: of the gateway.
        state: folder for journals and files of rejected rows.
        mapped: field of the event to column, where the column's name is not well known.
        numbers: columns of text that hold numbers.
        zone: of times that do not say theirs.
        vendor: whose export the file is; ``auto`` finds out.
        restart: begin at the first row, whatever the journal says.
        write_rejects: write all rejected rows to a file beside the journal.
        connect_seconds: how long to wait for the gateway at the start.
    """

    file: Path
    write_key: str = field(repr=False)
    url: str = "ws://127.0.0.1:8400"
    state: Path = Path("smolhog-data/imports")
    mapped: Mapping[str, str] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    vendor: ImportFormat = "auto"
    restart: bool = False
    write_rejects: bool = False
    connect_seconds: float = 10.0

    def reading(self, vendor: ImportFormat) -> dict[str, object]:
        """What decides how rows become events, to tell one import from another."""
        how: dict[str, object] = {
            "mapped": dict(self.mapped),
            "numbers": sorted(self.numbers),
            "zone": self.zone.key,
        }
        return how if vendor == "columns" else how | {"vendor": vendor}


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import is, for a progress bar."""

    phase: str
    """``hashing``, then ``sending``."""
    bytes_done: int
    """Of the file on disk, in this phase."""
    bytes_total: int
    stored: int = 0
    """Rows so far, those of earlier runs included."""
    rejected: int = 0
    connected: bool = True
    """``False`` while the gateway is away; the import waits for it."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, this run and, where it went on, the runs before it."""

    stored: int
    """Events that are durable at the gateway."""
    rejected: int
    settled_before: int
    """Rows of these that earlier runs had settled; 0 for an import from the start."""
    already_imported: bool
    """Whether an earlier run had finished, so that this one had nothing to send."""
    first_rejected: tuple[RejectedRow, ...]
    """The first ones that this run met."""
    rejects_file: Path | None
    content_hash: str
    seconds: float
    vendor: ImportFormat
    """Whose export the file was taken for."""

    @property
    def rows(self) -> int:
        """Rows of the file, all of them settled."""
        return self.stored + self.rejected
