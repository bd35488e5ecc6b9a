"""Numbered SQL files, the same for both stores: how they are found, split and checked."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from sinks.errors import MigrationError

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of a schema; never edited once released."""

    name: str
    statements: tuple[str, ...]
    checksum: str


def read_migrations(package: str) -> list[Migration]:
    """Read the migrations in ``package``'s folder ``migrations``, in order.

    Statements end with a semicolon at the end of a line; lines of comment only are left out.

    Raises:
        MigrationError: a file's name or number is out of order.
    """
    found: list[Migration] = []
    for entry in sorted(files(package).joinpath("migrations").iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".sql"):
            continue
        match = _NAME.match(entry.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationError(
                f"{package}: {entry.name} is not number {len(found) + 1:04} of its migrations"
            )
        text = entry.read_text()
        found.append(
            Migration(
                name=entry.name.removesuffix(".sql"),
                statements=tuple(split_statements(text)),
                checksum=hashlib.sha256(text.encode()).hexdigest(),
            )
        )
    return found


def split_statements(text: str) -> Iterable[str]:
    """Yield the statements of a file: each ends with a semicolon at the end of a line; lines of comment are left out."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    for statement in re.split(r";[ \t]*$", code, flags=re.MULTILINE):
        if statement.strip():
            yield statement.strip()


def pending(migrations: list[Migration], applied: dict[str, str], store: str) -> list[Migration]:
    """Return what is still to be applied, after checking that what was applied is what we know.

    Args:
        migrations: what this version of SmolHog has.
        applied: name to checksum of what the store has.
        store: the store's name, for messages.

    Raises:
        MigrationError: the store was written by a newer version, or a released file was edited.
    """
    known = {migration.name: migration for migration in migrations}
    for name, checksum in applied.items():
        if name not in known:
            raise MigrationError(
                f"{store} has migration {name}, which this version does not know: "
                "it was written by a newer SmolHog; use that version"
            )
        if known[name].checksum != checksum:
            raise MigrationError(f"{store}: migration {name} was changed after it had been applied")
    return [migration for migration in migrations if migration.name not in applied]
