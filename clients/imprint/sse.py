"""Server-sent events: bytes in, events out (the WHATWG text/event-stream format). Pure: no connection, no clock."""

import codecs
import re

import msgspec

_LINE_END = re.compile(r"\r\n|\n|\r")


class ServerSentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``id`` is the last id seen, which is what a resumed connection asks to go on from."""

    event: str
    data: str
    id: str


class Parser:
    """Takes the stream in pieces of any size and gives the events that are complete."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        """The id of the last event that is complete: what to go on from."""
        self.retry: float | None = None
        """Seconds to wait before connecting again, when the server named them."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._rest = ""
        self._id = last_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events that ``piece`` completes."""
        text = self._rest + self._decoder.decode(piece)
        # A carriage return at the end may be half of a CRLF: it waits for what follows.
        held = "\r" if text.endswith("\r") else ""
        *lines, last = _LINE_END.split(text.removesuffix("\r") if held else text)
        self._rest = last + held
        found = [self._take(line) for line in lines]
        return [event for event in found if event is not None]

    def _take(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = int(value) / 1000
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        self.last_id = self._id
        if not data:
            return None
        return ServerSentEvent(event=event, data="\n".join(data), id=self.last_id)
