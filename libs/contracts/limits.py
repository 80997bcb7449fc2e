"""What the operator allows a pod: bandwidth, copies at a time, hours, and how often its copies are checked."""

from typing import Annotated

import msgspec

from contracts.names import PodName

Rate = Annotated[int, msgspec.Meta(ge=16 * 1024, le=2**50)]
"""Bytes a second. Slower than 16 KiB/s a chunk takes longer than a holder keeps a connection."""
Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$")]
"""``HH:MM`` in the pod's time zone."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Hours in which copies may move bytes, on ``days`` (0 is Monday; none named: on all).

    With ``end`` not after ``begin`` it reaches into the next day; ``days`` then are those on which it begins.
    """

    begin: Clock
    end: Clock
    days: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...], msgspec.Meta(max_length=7)] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of one pod; None is no limit. All take effect at once, also on copies that are under way.

    ``receive`` and ``send`` are bytes a second over all copies into and out of the pod; ``links`` bounds what it
    receives from single pods. Outside its ``windows`` (when it has any) copies pause and keep what they have.
    """

    receive: Rate | None = None
    send: Rate | None = None
    links: Annotated[dict[PodName, Rate], msgspec.Meta(max_length=256)] = {}
    copies: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    windows: Annotated[tuple[Window, ...], msgspec.Meta(max_length=32)] = ()
    timezone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    """An IANA name, ``Europe/Berlin``; the windows are in it."""
    scrub_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] | None = None
    """Days within which every copy at rest is read and hashed once; None is the connector's own setting."""
