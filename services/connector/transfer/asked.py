"""Which bytes of a disk a request asks a door for."""

import re
from collections.abc import Sequence
from typing import Final

from connector.transfer import parts
from connector.transfer.entry import Denied

MAX_RANGE: Final = 8 * 1024 * 1024
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")


def range_in(header: str, size: int) -> tuple[int, int]:
    """Begin and end of the one range asked for. Raises Denied: 416, as no other form is served."""
    match = _RANGE.fullmatch(header)
    unsatisfied = {"Content-Range": f"bytes */{size}"}
    if match is None:
        raise Denied(416, "one range bytes=first-last is needed", unsatisfied)
    begin, end = int(match[1]), int(match[2]) + 1
    if not begin < end <= size or end - begin > MAX_RANGE:
        raise Denied(416, f"range {begin}-{end - 1} of {size}", unsatisfied)
    return begin, end


def parts_in(header: str, begin: int, end: int, size: int) -> Sequence[parts.Range]:
    """The parts of a range that are asked for. Raises Denied: 416."""
    found = parts.parsed(header, begin, end)
    if found is None:
        raise Denied(
            416, "parts are first-last, in order, apart, and fill the range", {"Content-Range": f"bytes */{size}"}
        )
    return found
