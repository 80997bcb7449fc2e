"""Several ranges in one request: what a delta lacks of a span lies scattered, and each request costs a round trip.

The request asks for the range around them and names its parts (``Imprint-Parts: first-last,first-last``); a door that
knows them repeats the header, and its answer's body is the parts, one after the other. One that does not answers with
the whole range, and is asked for each part alone from then on.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

HEADER: Final = "Imprint-Parts"
MOST: Final = 64
"""Parts of one request; a span of 64 chunks has 32 at most."""
_PART: Final = r"([0-9]{1,18})-([0-9]{1,18})"
_PARTS: Final = re.compile(rf"{_PART}(?:,{_PART}){{0,{MOST - 1}}}")

Range = tuple[int, int]
"""Begin and end."""


def named(ranges: Iterable[Range]) -> str:
    """The header that asks for these ranges."""
    return ",".join(f"{begin}-{end - 1}" for begin, end in ranges)


def parsed(header: str, begin: int, end: int) -> Sequence[Range] | None:
    """The ranges that a header names; None unless they lie in order, apart, and from ``begin`` to ``end``."""
    if len(header) > MOST * 38 or _PARTS.fullmatch(header) is None:
        return None
    pairs = (text.split("-") for text in header.split(","))
    found = [(int(first), int(last) + 1) for first, last in pairs]
    at = begin - 1
    for from_, to in found:
        if not at < from_ < to:
            return None
        at = to
    return found if found[0][0] == begin and found[-1][1] == end else None
