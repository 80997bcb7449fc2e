"""Desktop pools: what an assignment wants on a pod, and what the pod's connector reports of it (features.md b.5, F13).

An assignment is bound to a marker of an image, or pinned to a version. On each of its pods it is a pool of *seats*: VMs
made from the pod's copy, or for VOI images endpoints that the image is distributed to.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from contracts.definition import Capsule, SecurityType, Uefi

MOST_SEATS = 200
"""Seats of an assignment on one pod: a report of all of them is one message."""

SeatName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?!\n)$", max_length=63)]
Model = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
PoolState = Literal["PENDING", "IN_SYNC", "UPDATE_PENDING", "VALIDATING", "UPDATING", "UPDATE_FAILED", "ROLLED_BACK"]
"""PENDING: created, its pod has not made it yet (features.md b.5 names the others)."""
SeatState = Literal[
    "PENDING", "CREATING", "READY", "UNFINISHED", "WAITING_INSTALL", "WAITING_RESTART", "COMPLETED", "SKIPPED", "FAILED"
]
"""A VM: PENDING, CREATING, READY. An endpoint: UNFINISHED while it receives, WAITING_INSTALL, WAITING_RESTART,
COMPLETED; SKIPPED when its model is not one of the image's flavour."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A device that a VOI image is distributed to."""

    name: SeatName
    model: Model


class DataDisk(msgspec.Struct, frozen=True, kw_only=True):
    """An empty disk that each seat has beside those of the image."""

    lun: Annotated[int, msgspec.Meta(ge=1, le=63)]
    size_gib: Annotated[int, msgspec.Meta(ge=1, le=32768)]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account that customisation makes. ``secret`` names an entry of the pod's own secret store; a password never
    travels."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    secret: Annotated[str, msgspec.Meta(max_length=128)] = ""
    ssh_keys: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=4096)], ...], msgspec.Meta(max_length=8)] = ()


class Customisation(msgspec.Struct, frozen=True, kw_only=True):
    """How seats of a generalized image become machines of their own (osProfile): ``host_name`` is a pattern in which
    ``{n}`` is the seat's number and ``{pod}`` its pod. Specialized images take none: they keep theirs."""

    host_name: Annotated[
        str, msgspec.Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9{}-]{0,58}[A-Za-z0-9}])?(?!\n)$", max_length=60)
    ]
    accounts: Annotated[tuple[Account, ...], msgspec.Meta(max_length=8)] = ()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What each seat is given; None is what the backend does by itself."""

    vcpus: Annotated[int, msgspec.Meta(ge=1, le=1024)] | None = None
    memory_mib: Annotated[int, msgspec.Meta(ge=1, le=2**26)] | None = None
    disk_gib: Annotated[int, msgspec.Meta(ge=1, le=65536)] | None = None
    vm_kind: Literal["standard", "trusted_launch", "confidential"] = "standard"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool is to be on one pod: told whole each time, so that a pod that missed words still gets there."""

    assignment: str
    name: str
    tenant: str
    image: str
    version: str
    number: str
    copy: str
    """The copy on this pod that seats are made from."""
    digest: str
    kind: Literal["desktop", "endpoint"] = "desktop"
    seats: Annotated[int, msgspec.Meta(ge=0, le=MOST_SEATS)] = 1
    endpoints: Annotated[tuple[Endpoint, ...], msgspec.Meta(max_length=MOST_SEATS)] = ()
    models: Annotated[tuple[Model, ...], msgspec.Meta(max_length=256)] | None = None
    """Models of endpoints that the image is offered to; None: all."""
    os_state: str = "generalized"
    customisation: Customisation | None = None
    shape: Shape = Shape()
    security_type: SecurityType = "Standard"
    disks: Annotated[tuple[DataDisk, ...], msgspec.Meta(max_length=16)] = ()
    uefi: Uefi | None = None
    capsule: Capsule | None = None
    rebuild: int = 0
    """Counts the rebuilds asked for: with a higher one than a seat was made under, the seat is made anew."""
    logoff: Literal["wait", "force"] = "wait"
    """Whether a seat in use is left alone until its user is gone, or taken from under him."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """A VM or an endpoint of a pool as its pod reports it. ``version`` is what it runs now, empty before the first."""

    name: str
    state: SeatState
    version: str = ""
    model: str = ""
    user: Annotated[str, msgspec.Meta(max_length=128)] = ""
    """Who is logged on now."""
    last_used: datetime | None = None
    failure: Annotated[str, msgspec.Meta(max_length=200)] = ""
