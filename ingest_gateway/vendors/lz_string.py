"""Decompresses lz-string's ``compressToBase64``, which old browser SDKs send as ``lz64``.

The format is LZW over UTF-16 code units with a bit stream in base64: six bits a character, most significant
first, while each code stands in it least significant bit first.
"""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)} | {"=": 0}
_UNIT_BITS = {0: 8, 1: 16}
"""Marks of a unit that is new, and how many bits it has."""
_END = 2


class LzStringError(ValueError):
    """The text is not what lz-string writes."""


def decompress_base64(text: str, limit: int) -> str:
    """Decompress; a bomb is given up soon after ``limit`` characters.

    Raises:
        LzStringError: the text is damaged.
    """
    try:
        units = _decompress(_Bits(text), limit)
    except KeyError as error:
        raise LzStringError("it has characters that base64 has not") from error
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Bits:
    """The bits of a base64 text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def take(self, count: int) -> int:
        """Read a number of so many bits, least significant first."""
        place, end = self._place, self._place + count
        if end > 6 * len(self._text):
            raise LzStringError("it ends too early")
        self._place = end
        last = (end + 5) // 6
        window = 0
        for character in self._text[place // 6 : last]:
            window = window << 6 | _VALUES[character]
        window = (window >> 6 * last - end) & ((1 << count) - 1)
        return int(f"{window:0{count}b}"[::-1], 2)


def _decompress(bits: _Bits, limit: int) -> str:
    code = bits.take(2)
    if code == _END:
        return ""
    before = chr(bits.take(_UNIT_BITS[code]))
    # Entries 0 to 2 are the three marks, 3 is the first unit.
    entries = ["", "", "", before]
    parts, size = [before], 1
    width, room = 3, 4  # Bits of a code, and how many entries may come before it takes one more.
    while size <= limit:
        code = bits.take(width)
        if code == _END:
            return "".join(parts)
        if code in _UNIT_BITS:
            entries.append(chr(bits.take(_UNIT_BITS[code])))
            code = len(entries) - 1
            room -= 1
            if room == 0:
                room, width = 1 << width, width + 1
        if code > len(entries):
            raise LzStringError("it names an entry that is not there")
        entry = entries[code] if code < len(entries) else before + before[0]
        parts.append(entry)
        size += len(entry)
        entries.append(before + entry[0])
        before = entry
        room -= 1
        if room == 0:
            room, width = 1 << width, width + 1
    return "".join(parts)[: limit + 1]
