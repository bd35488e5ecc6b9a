"""Our decompressor against the library that wrote the text."""

import json
import random
import subprocess

import pytest

from ingest_gateway.vendors.lz_string import LzStringError, decompress_base64
from tests.vendors.running import HERE


def compressed(texts: list[str]) -> list[str]:
    """Compress with lz-string itself."""
    done = subprocess.run(
        ["node", str(HERE / "lz_string.mjs")],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: list[str] = json.loads(done.stdout)
    return found


def test_what_it_compresses_comes_back() -> None:
    """Empty, long, repetitive and random texts, in any script."""
    chance = random.Random(1)
    texts = ["", "a", "aaaa", "ab" * 5000, "żółw 🐗" * 50, json.dumps({"event": "e", "n": list(range(500))})]
    for _ in range(200):
        alphabet = chance.choice(["ab", "abcdefgh {}:\"'", "".join(map(chr, range(32, 1000)))])
        texts.append("".join(chance.choices(alphabet, k=chance.randrange(400))))
    assert [decompress_base64(text, 1_000_000) for text in compressed(texts)] == texts


def test_a_bomb_is_given_up_at_the_limit() -> None:
    """A kilobyte of text that would become hundreds of thousands of characters."""
    (bomb,) = compressed(["a" * 300_000])
    assert len(bomb) < 2_000
    assert 10_000 < len(decompress_base64(bomb, 10_000)) < 12_000


@pytest.mark.parametrize("text", ["N", "NoIg", "!!!!", "zzzzzzzz", "////////"])
def test_damaged_text_is_refused(text: str) -> None:
    """Cut off, or not written by lz-string."""
    with pytest.raises(LzStringError):
        decompress_base64(text, 1000)
