"""Bodies and headers: how an event becomes bytes and comes back, upcast to its newest form."""

from datetime import datetime
from typing import Any, Union

import msgspec

from contracts.events import EVENT_TYPES, Event

TYPES: dict[str, type[Event]] = {kind.type_name(): kind for kind in EVENT_TYPES}
"""Tag -> class, for every version that ever existed."""

NAMES: dict[type[Event], str] = {kind: name for name, kind in TYPES.items()}
"""Class -> tag."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Union[EVENT_TYPES]).decode  # noqa: UP007


class _Peek(msgspec.Struct):
    type: str


_peek = msgspec.json.Decoder(_Peek).decode


class UnknownTypeError(Exception):
    """The body names a type that this version of the code does not have: deploy consumers before producers."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown event type {name[:100]!r}")
        self.name = name


class BadBodyError(Exception):
    """The body is not JSON, has no type, or does not fit its type."""


def encode(event: Event) -> bytes:
    """The self-describing JSON body of an event."""
    return _encode(event)


def decode(body: bytes) -> Event:
    """The event in ``body``, upcast until it is stable.

    Raises:
        UnknownTypeError: the tag is not one we know.
        BadBodyError: anything else that is wrong with the bytes.
    """
    try:
        event: Any = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            name = _peek(body).type
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadBodyError(f"not an event: {error}") from None
        if name not in TYPES:
            raise UnknownTypeError(name) from None
        raise BadBodyError(f"{name}: {error}") from None
    while upcast := getattr(event, "upcast", None):
        event = upcast()
    return event  # type: ignore[no-any-return]


def headers(kind: type[Event], *, id: str, at: datetime, speaker: str, saga: str, cause: str) -> dict[str, str]:
    """Our own headers and those of CloudEvents 1.0 in binary mode (``ce-``).

    ``traceparent`` (W3C Trace Context) makes the saga one trace: its id is the trace id, the event's tail the span id.
    """
    return {
        "Nats-Msg-Id": id,
        "correlation_id": saga,
        "causation_id": cause,
        "traceparent": f"00-{saga or id}-{id[-16:]}-01",
        "ce-specversion": "1.0",
        "ce-id": id,
        "ce-type": kind.type_name(),
        "ce-source": f"imprint/{speaker}",
        "ce-time": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "content-type": "application/json",
    }
