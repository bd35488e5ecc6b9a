"""Keys: how they look, how they are made, and what is kept of them.

A key is ``sh_w_`` (write) or ``sh_r_`` (read) and 160 random bits. Only its SHA-256 is stored: with
that many random bits a slow hash would protect nothing more, and the gateway hashes a key for each
connection.
"""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class KeyKind(StrEnum):
    """What a key allows: nobody reads with a key that ships inside an app."""

    WRITE = "write"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is known and not revoked."""

    key_id: int
    project_id: int
    kind: KeyKind
    origins: frozenset[str] | None = None
    """The web origins whose pages may use it, as :func:`projects.origins.parse_origin` writes them."""
    is_paused: bool = False
    """Whether its project takes no events for now."""

    def allows(self, origin: str | None) -> bool:
        """Whether a request with this ``Origin`` header may use the key.

        Only browsers send the header, and no page can change it. A program can leave it out or make it
        up, so this keeps other people's pages from using a key, and nobody else.
        """
        return origin is None or self.origins is None or origin.lower() in self.origins


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. ``secret`` is shown once and never stored."""

    secret: str
    digest: bytes
    hint: str
    """The last four characters, by which a person tells keys apart."""


class KeyRing(Protocol):
    """Looks keys up. Whoever holds one asks again now and then, so that revocation takes effect."""

    def find(self, secret: str, kind: KeyKind) -> Key | None:
        """Return the live key behind ``secret``, or ``None`` if there is none of that kind."""
        ...


_PREFIXES = {KeyKind.WRITE: "sh_w_", KeyKind.READ: "sh_r_"}


def new_key(kind: KeyKind) -> NewKey:
    """Make a key from the system's random source."""
    secret = _PREFIXES[kind] + secrets.token_hex(20)
    return NewKey(secret=secret, digest=digest_of(secret), hint=secret[-4:])


def digest_of(secret: str) -> bytes:
    """Return what is stored of a key. Accepts any text, also such as UTF-8 cannot hold."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
