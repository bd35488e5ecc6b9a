"""Person ids in addresses: any text that an app uses as an id, in characters that a URL's path can carry. Pure."""

import re
from base64 import b64decode, urlsafe_b64encode

from query_api.errors import NotFound

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,299}")
_ESCAPE = "~"


def public_id(person: str) -> str:
    """Return a person's id as answers show it: itself where it may stand in a path, else in base64 after a ``~``."""
    if _PLAIN.fullmatch(person):
        return person
    return _ESCAPE + urlsafe_b64encode(person.encode()).rstrip(b"=").decode()


def person_of(shown: str) -> str:
    """Return the person behind a shown id.

    Raises:
        NotFound: it is none of ours.
    """
    if not shown.startswith(_ESCAPE):
        return shown
    try:
        encoded = shown[1:].encode("ascii")
        return b64decode(encoded + b"=" * (-len(encoded) % 4), b"-_", validate=True).decode()
    except ValueError as error:
        raise NotFound("there is nobody of this id; ids are those that answers show") from error
