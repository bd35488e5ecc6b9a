"""How a step of a path is kept while paths are found: its time and a code of its name in one number. Pure.

Of ten million events the numbers are what a question about paths costs, so they are as narrow as they can be. Names of
events are few, and are known before anything else is asked: their codes are as many bits of the names' hashes as tell
them apart, and with the time fill 64 bits. Values of properties are not known before: their codes are whole hashes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from query_api.analyses.sequences import AT
from query_api.analyses.tied_instants import FALSE, WHO

_MOST_NAMES = 500
# A link of two codes and its step share 64 bits.
_MOST_CODE_BITS = 24
_STEP_PLACE = 56
_HASH_BITS = 64


@dataclass(frozen=True, slots=True)
class Packing:
    """How time and name make one number; its top bit is left for the mark of a path's first step.

    Attributes:
        width: bits of the number.
        code_bits: how many of them, the lowest, are the name's code.
        shift: which bits of the name's hash are its code: those above so many.
        hashes: SipHash of each name by code; None where codes are the hashes.
        earliest: microseconds since 1970 that count as time 0; all events are later by more than a path's longest
            silence, so that nothing has to say where a person's events begin.
    """

    width: int
    code_bits: int
    shift: int
    hashes: Mapping[int, int] | None
    earliest: int

    @property
    def kind(self) -> str:
        """The type of the number."""
        return f"UInt{self.width}"

    def code(self, text: str) -> str:
        """Return the code (UInt64) of the name ``text``, an expression."""
        if self.hashes is None:
            return f"sipHash64({text})"
        return f"bitAnd(bitShiftRight(sipHash64({text}), {self.shift}), {self._code_mask})"

    def hash_of(self, code: int) -> int | None:
        """Return the hash of the name behind a code; None of one that was not known yet."""
        return code if self.hashes is None else self.hashes.get(code)

    def packed(self, time: str, code: str) -> str:
        """Return the number of a time, since :attr:`earliest`, and a code."""
        return f"bitOr(bitShiftLeft(to{self.kind}({time}), {self.code_bits}), to{self.kind}({code}))"

    def time(self, step: str) -> str:
        """Return the time (Int64, microseconds) in a number, marked or not."""
        most = (1 << (self.width - 1 - self.code_bits)) - 1
        return f"toInt64(bitAnd(toUInt64(bitShiftRight({step}, {self.code_bits})), {most}))"

    def name(self, step: str) -> str:
        """Return the code (UInt64) in a number."""
        return f"toUInt64({step})" if self.hashes is None else f"bitAnd({step}, {self._code_mask})"

    def marked(self, step: str, condition: str) -> str:
        """Return a number with the mark of a path's first step, where a condition holds."""
        return f"bitOr({step}, bitShiftLeft(to{self.kind}({condition}), {self.width - 1}))"

    def is_marked(self, step: str) -> str:
        """Return whether a number has the mark."""
        return f"toUInt8(bitShiftRight({step}, {self.width - 1}))"

    def in_order(self, relation: str, tied: str, code: str) -> str:
        """Return a subquery, in brackets, with a row for each person of an events relation.

        Its columns are ``who`` and ``events``: numbers in the order of (timestamp, event_id), each event once, but of two
        events of one name at one instant maybe only one.

        Args:
            relation: as :func:`query_api.questions.events_relation.events_relation` makes it.
            tied: which events may be at one instant with others, as
                :func:`query_api.analyses.tied_instants.is_tied` says it.
            code: of an event's name.
        """
        event = self.packed(self._since, code)
        if tied == FALSE:
            return f"(SELECT {WHO} AS who, arraySort(groupArray({event})) AS events FROM {relation} GROUP BY who)"
        # ClickHouse orders UUIDs by their second half; as a number they are in the order that people and UUIDv7 mean.
        whole = "bitOr(bitShiftLeft(toUInt256(x.1), 192), bitOr(bitShiftLeft(toUInt256(toUInt128(x.2)), 64), toUInt256(x.3)))"
        cut = self.packed("toUInt64(bitShiftRight(x, 192))", "toUInt64(x)")
        time = f"bitShiftRight(x, {self.code_bits})"
        # Tied events stand among all others, too, and once more in front of those: from there they are taken.
        return f"""(
    SELECT who, if(empty(others), loose, arrayMap(
        pair -> pair.1,
        arrayFilter(
            (pair, before) -> pair.2 <= length(others) OR pair.3 != before.3,
            pairs, arrayPopBack(arrayPushFront(pairs, (to{self.kind}(0), toUInt32(0), to{self.kind}(0))))
        )
    )) AS events
    FROM (
        SELECT who, loose, others, arraySort(
            pair -> (pair.3, pair.2),
            arrayMap((x, place) -> (x, place, {time}), every, arrayEnumerate(every))
        ) AS pairs
        FROM (
            SELECT who, loose, others,
                if(empty(others), [], arrayConcat(arrayMap(x -> {cut}, others), loose)) AS every
            FROM (
                SELECT {WHO} AS who, arraySort(groupArray({event})) AS loose,
                    arrayCompact(arraySort(arrayMap(
                        x -> {whole}, groupArrayIf(({self._since}, event_id, {code}), {tied})
                    ))) AS others
                FROM {relation}
                GROUP BY who
            )
        )
    )
)"""

    def link(self, place: str, source: str, target: str) -> str:
        """Return a number of a link by which no other has it: of its step's number and two codes."""
        if self.hashes is None:
            return f"cityHash64(toUInt8({place}), {source}, {target})"
        return (
            f"bitOr(bitShiftLeft(toUInt64({place}), {_STEP_PLACE}),"
            f" bitOr(bitShiftLeft({source}, {self.code_bits}), {target}))"
        )

    def order(self, place: str, source: str, target: str, known: tuple[str, str] | None) -> str:
        """Return what puts links in order that equally many people take: a hash of step and names.

        Args:
            place: number of the step.
            source: code of the name before it; 0 of none.
            target: code of its name.
            known: placeholders of :attr:`hashes`, codes and hashes.
        """
        if known is not None:
            codes, hashes = known
            source, target = (
                f"transform({each}, {codes}, {hashes}, toUInt64(0))" for each in (source, target)
            )
        return f"cityHash64(toUInt8({place}), {source}, {target})"

    @property
    def _since(self) -> str:
        return f"toUInt64({AT} - ({self.earliest}))"

    @property
    def _code_mask(self) -> int:
        return (1 << self.code_bits) - 1


def packing_of(names: list[int] | None, start_micros: int, end_micros: int, gap_micros: int) -> Packing:
    """Return the narrowest packing there is.

    Args:
        names: SipHash of every name that a step may have, each once; None where they are not known.
        start_micros: of the events, since 1970-01-01 UTC.
        end_micros: likewise, not included.
        gap_micros: longest silence within a path.
    """
    earliest = start_micros - gap_micros - 1
    code_bits = min(_MOST_CODE_BITS, 63 - (end_micros - earliest).bit_length())
    if names is not None and len(names) <= _MOST_NAMES and code_bits > 0:
        mask = (1 << code_bits) - 1
        for shift in range(_HASH_BITS - code_bits + 1):
            # Code 0 is nobody's: it stands before the first step.
            hashes = {name >> shift & mask: name for name in names if name >> shift & mask}
            if len(hashes) == len(names):
                return Packing(64, code_bits, shift, hashes, earliest)
    return Packing(128, _HASH_BITS, 0, None, earliest)
