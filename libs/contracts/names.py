"""The shapes that names, ids and version numbers must have.

A name never becomes a path or a subject token unless it matched one of these patterns; ids are made by the hub only
(reliability F17: path traversal in names, unicode, NUL, oversized names). ``(?!\\n)`` because ``$`` alone lets a line
feed follow in Python, and a line feed in a subject would end the protocol's line.
"""

import re
from typing import Annotated

import msgspec

NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9])?(?!\n)$"
"""Images, galleries, VMs, files, datastores: 1 to 80 letters, digits and ``._-``, alphanumeric at both ends."""

POD = r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?(?!\n)$"
"""A pod is a subject token and part of copy ids: lower case, digits and dashes, at most 32 characters."""

NUMBER = r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8}))?(?!\n)$"
"""``major.minor.patch``; ``1.0`` means ``1.0.0`` (features.md, Settled)."""

ID = r"^[0-9a-f]{32}(?!\n)$"
"""An id made by the hub: a UUIDv7 without dashes."""

Name = Annotated[str, msgspec.Meta(pattern=NAME, max_length=80)]
PodName = Annotated[str, msgspec.Meta(pattern=POD, max_length=32)]
Number = Annotated[str, msgspec.Meta(pattern=NUMBER, max_length=32)]
Text = Annotated[str, msgspec.Meta(max_length=1024)]

_number = re.compile(NUMBER)
_pod = re.compile(POD)
_copy = re.compile(r"([0-9A-Za-z-]{1,64})_([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)_(0|[1-9][0-9]{0,3})")


def parse_number(text: str) -> tuple[int, int, int] | None:
    """The three integers of a version number, or None when ``text`` is no version number. Versions compare by them."""
    match = _number.fullmatch(text)
    if match is None:
        return None
    return int(match[1]), int(match[2]), int(match[4] or 0)


def format_number(number: tuple[int, int, int]) -> str:
    """``(1, 0, 0)`` as ``1.0.0``."""
    return ".".join(map(str, number))


def copy_id(version: str, pod: str, replica: int) -> str:
    """The id of a copy: unguessable by its version, and known to whoever knows version, pod and replica."""
    return f"{version}_{pod}_{replica}"


def parse_copy(copy: str) -> tuple[str, str, int] | None:
    """The version, the pod and the replica of a copy's id, or None when ``copy`` is no such id."""
    match = _copy.fullmatch(copy)
    return None if match is None else (match[1], match[2], int(match[3]))


GATEWAY = "gateway.hub"
"""The gateway as the bearer of a ticket; no pod can have this name."""
_HOUSE = ".imprint.internal"


def door_host(bearer: str) -> str:
    """The DNS name in the certificate of a pod or of the gateway: who it is, wherever it listens."""
    return f"{bearer}{_HOUSE}"


def bearer_of(host: str) -> str | None:
    """The pod (or `GATEWAY`) whose certificate has the DNS name ``host``; None for any other name."""
    name = host.removesuffix(_HOUSE)
    return name if name != host and (name == GATEWAY or _pod.fullmatch(name)) else None
