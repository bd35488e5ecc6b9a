"""How keys look, and what is kept of them."""

import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from projects.keys import KeyKind, digest_of, new_key


def test_key_says_what_it_is_for() -> None:
    """The prefix names the kind, 40 digits follow, and the hint is their end."""
    write, read = new_key(KeyKind.WRITE), new_key(KeyKind.READ)
    assert re.fullmatch(r"sh_w_[0-9a-f]{40}", write.secret)
    assert re.fullmatch(r"sh_r_[0-9a-f]{40}", read.secret)
    assert write.secret.endswith(write.hint)
    assert len(write.hint) == 4


def test_keys_never_repeat() -> None:
    """Each is drawn anew."""
    assert len({new_key(KeyKind.WRITE).secret for _ in range(1000)}) == 1000


def test_only_a_digest_is_kept() -> None:
    """SHA-256 of the secret, as any other program would compute it."""
    key = new_key(KeyKind.WRITE)
    assert key.digest == digest_of(key.secret) == hashlib.sha256(key.secret.encode()).digest()


@given(st.text(st.characters()))
def test_anything_may_be_presented_as_a_key(secret: str) -> None:
    """Whatever a client sends, half surrogates too, has a digest."""
    assert len(digest_of(secret)) == 32
