"""The head of a holder's answer, read with bounds: HTTP/1.1 as the door speaks it, and no more of HTTP than that."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connector.failures import Cancel
from connector.transfer.stream import SILENCE, Stream

HEAD: Final = 8 * 1024
"""Bytes of the longest head."""
SLOWEST: Final = 4 * 1024
"""Bytes a second of a holder that counts as alive."""
PATIENCE: Final = 20.0
"""Seconds of waiting over which that is measured."""
_STATUS: Final = re.compile(r"HTTP/1\.[01] ([2-5][0-9]{2})(?: ([ -~]{0,60}).*)?")
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([ -~]*?)[ \t]*")
_END: Final = b"\r\n\r\n"


class AnswerInvalidError(Exception):
    """What came is not an answer of HTTP/1.1 with a length."""


@dataclass(frozen=True)
class Answer:
    """``early`` is what came of the body together with the head; ``keep``: the connection may be used again."""

    status: int
    reason: str
    fields: Mapping[str, str]
    length: int
    keep: bool
    early: memoryview

    def header(self, name: str) -> str:
        """By its lower-case name; empty when absent."""
        return self.fields.get(name, "")


class Pace:
    """Whether bytes come too slowly, by the time that was spent waiting for them."""

    def __init__(self) -> None:
        self._bytes = 0
        self._seconds = 0.0

    def too_slow(self, size: int, seconds: float) -> bool:
        """After ``size`` more bytes, waited for for ``seconds``."""
        self._bytes += size
        self._seconds += seconds
        if self._seconds < PATIENCE:
            return False
        slow = self._bytes < SLOWEST * self._seconds
        self._bytes, self._seconds = 0, 0.0
        return slow


def read_answer(stream: Stream, stop: Cancel) -> Answer:
    """The next answer's head.

    Raises:
        AnswerInvalidError: it is none, or longer than `HEAD`.
        OSError: the connection broke; TimeoutError when the head took longer than `SILENCE`; ConnectionResetError
            when it ended before the first byte.
        Cancelled: ``stop`` was set.
    """
    deadline = time.monotonic() + SILENCE
    buffer = bytearray(HEAD)
    got = 0
    while True:
        some = stream.receive(memoryview(buffer)[got:])
        stop.check()
        if not some:
            raise ConnectionResetError("it hung up")
        got += some
        end = buffer.find(_END, max(0, got - some - len(_END)), got)
        if end >= 0:
            break
        if got == HEAD:
            raise AnswerInvalidError("the head of its answer does not end")
        if time.monotonic() > deadline:
            raise TimeoutError("the head of its answer does not come")
    return _parsed(bytes(buffer[:end]), memoryview(buffer)[end + len(_END) : got])


def _parsed(head: bytes, early: memoryview) -> Answer:
    first, *lines = head.decode("latin-1").split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise AnswerInvalidError("its answer is not HTTP")
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None or field[1].lower() in fields:
            raise AnswerInvalidError("its answer has a malformed or repeated header")
        fields[field[1].lower()] = field[2]
    length = fields.get("content-length", "")
    if "transfer-encoding" in fields or not re.fullmatch("[0-9]{1,18}", length):
        raise AnswerInvalidError("its answer has no length")
    keep = fields.get("connection", "").lower() != "close" and first.startswith("HTTP/1.1")
    if len(early) > int(length):
        early, keep = early[: int(length)], False
    return Answer(int(status[1]), status[2] or "", fields, int(length), keep, early)
