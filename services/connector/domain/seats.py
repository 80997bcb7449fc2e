"""The seats of a pool: what each is to be, and what is to be done about those that are there. No I/O.

A seat is *made anew* for another version or content, another size of its disk, or a rebuild that was asked for since.
Everything else about it (its shape, data disks beside those of the image, how it is called) is *amended* in place. A
seat in use is left alone until it is free, unless the hub says otherwise; what takes nothing from its user is done at
once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from connector.domain.desktop import Desktop, Found
from contracts.desktops import Account, Wanted
from contracts.errors import Failure

STEP: Final = "seats"
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Plan:
    """What is to be done. ``make``: seats that are not there, or are to be made anew; ``wait``: seats that are in the
    way of it, but in use."""

    make: tuple[Desktop, ...] = ()
    amend: tuple[Desktop, ...] = ()
    remove: tuple[str, ...] = ()
    wait: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do now."""
        return not (self.make or self.amend or self.remove)

    @property
    def done(self) -> bool:
        return self.idle and not self.wait


def desired(wanted: Wanted, pod: str) -> dict[str, Desktop]:
    """The seats that a pool is to have on ``pod``, by name, without the disks of the image."""
    custom = wanted.customisation
    accounts = custom.accounts if custom is not None else ()
    seats: dict[str, Desktop] = {}
    if wanted.kind == "endpoint":
        for endpoint in wanted.endpoints:
            if offered(wanted, endpoint.model):
                host = endpoint.name if custom is not None else ""
                seats[endpoint.name] = _desktop(wanted, endpoint.name, 0, endpoint.model, host, accounts)
    else:
        for n in range(1, wanted.seats + 1):
            host = "" if custom is None else _host_name(custom.host_name, n, pod)
            seats[f"desk-{n}"] = _desktop(wanted, f"desk-{n}", n, "", host, accounts)
    return seats


def objection(wanted: Wanted, pod: str) -> Failure | None:
    """Why ``pod`` cannot have such seats: ``seat_failed``, when one would have a name that no host can have."""
    for seat in desired(wanted, pod).values() if wanted.customisation is not None else ():
        if _HOST.fullmatch(seat.host_name) is None:
            return Failure(
                code="seat_failed",
                step=STEP,
                text=f"{seat.host_name[:80]} cannot be a host name",
                hint="Ask for 63 letters, digits and dashes at the most; {n} and {pod} are filled in.",
            )
    return None


def plan(wanted: Wanted, pod: str, found: Iterable[Found]) -> Plan:
    """What is to be done so that the seats ``found`` become what is wanted, unless there is an `objection`."""
    seats = desired(wanted, pod)
    named = {endpoint.name for endpoint in wanted.endpoints} if wanted.kind == "endpoint" else set()
    there = {one.name: one for one in found}
    make: list[Desktop] = []
    amend: list[Desktop] = []
    remove: list[str] = []
    wait: list[str] = []
    for name, seat in seats.items():
        one = there.get(name)
        if one is None or one.desktop is None or not _same_content(one.desktop, seat):
            if one is not None and one.user and wanted.logoff == "wait":
                wait.append(name)
            else:
                former = one.runs if one is not None and seat.kind == "endpoint" else ""
                make.append(msgspec.structs.replace(seat, former=former))
        elif (kept := _kept(seat, one.desktop)) != one.desktop:
            amend.append(kept)
    for name, one in there.items():
        if name not in seats and name not in named:  # an endpoint that is offered it no more keeps what it has
            (wait if one.user and wanted.logoff == "wait" else remove).append(name)
    return Plan(tuple(make), tuple(amend), tuple(remove), tuple(wait))


def offered(wanted: Wanted, model: str) -> bool:
    """Whether endpoints of this model are to have it."""
    return wanted.models is None or model in wanted.models


def _same_content(one: Desktop, seat: Desktop) -> bool:
    return (
        (one.kind, one.version, one.digest, one.shape.disk_gib)
        == (seat.kind, seat.version, seat.digest, seat.shape.disk_gib)
    ) and one.rebuild >= seat.rebuild


def _kept(seat: Desktop, one: Desktop) -> Desktop:
    """What is wanted of a seat that has the right content already, with what it was made with."""
    return msgspec.structs.replace(seat, disks=one.disks, former=one.former, rebuild=one.rebuild)


def _desktop(wanted: Wanted, name: str, n: int, model: str, host: str, accounts: tuple[Account, ...]) -> Desktop:
    return Desktop(
        name=name,
        assignment=wanted.assignment,
        pool=wanted.name,
        kind=wanted.kind,
        image=wanted.image,
        version=wanted.version,
        number=wanted.number,
        digest=wanted.digest,
        seat=n,
        model=model,
        host_name=host,
        accounts=accounts,
        os_state=wanted.os_state,
        security_type=wanted.security_type,
        shape=wanted.shape,
        uefi=wanted.uefi,
        capsule=wanted.capsule,
        rebuild=wanted.rebuild,
        added=tuple(sorted(wanted.disks, key=lambda disk: disk.lun)),
    )


def _host_name(pattern: str, n: int, pod: str) -> str:
    """``{n}`` is the seat's number, ``{pod}`` its pod: without a number two seats would have one name."""
    pattern = pattern if "{n}" in pattern else pattern + "-{n}"
    return pattern.replace("{n}", str(n)).replace("{pod}", pod)
