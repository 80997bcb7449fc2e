"""What is told of the seats of a pool. No I/O."""

from collections.abc import Iterable

import msgspec

from connector.domain.desktop import STEPS, Found
from connector.domain.seats import offered
from contracts.desktops import Seat, SeatState, Wanted
from contracts.errors import Failure


def views(
    wanted: Wanted,
    found: Iterable[Found],
    *,
    working: bool = False,
    failure: Failure | None = None,
    failed: str = "",
) -> tuple[Seat, ...]:
    """The seats of a pool as they are told: those that are wanted, then those that are still to go.

    ``working``: what is missing is being made; ``failure`` is why it is not, found at the seat ``failed`` (if any).
    """
    there = {one.name: one for one in found}
    if wanted.kind == "endpoint":
        models = {endpoint.name: endpoint.model for endpoint in wanted.endpoints}
    else:
        models = {f"desk-{n}": "" for n in range(1, wanted.seats + 1)}
    told = []
    for name, model in models.items():
        one, text = there.get(name) or Found(name, None), ""
        if failure is not None and failed == name:
            text = failure.text[:200]
        told.append(_seat(one, _state(wanted, one, model, working=working, failed=bool(text)), model, text))
    return (*told, *as_they_are(one for one in there.values() if one.name not in models))


def as_they_are(found: Iterable[Found]) -> tuple[Seat, ...]:
    """Seats as they are told that are to go."""
    return tuple(_seat(one, _content(one) if one.desktop is not None else "PENDING", "", "") for one in found)


def made_from(wanted: Wanted, found: Iterable[Found], *, done: bool) -> str:
    """The version that a pool's seats were last made from; empty before the first."""
    versions = [one.desktop.version for one in found if one.desktop is not None]
    if done or wanted.version in versions:
        return wanted.version
    return versions[0] if versions else ""


def apart_from_use(seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
    """The seats without their last use: it changes all the time, and is told less often than everything else."""
    return tuple(msgspec.structs.replace(seat, last_used=None) for seat in seats)


def _seat(one: Found, state: SeatState, model: str, failure: str) -> Seat:
    if one.missing:
        state, failure = "FAILED", failure or f"{one.missing} is not there"[:200]
    return Seat(
        name=one.name,
        state=state,
        version=one.runs,
        model=model or (one.desktop.model if one.desktop is not None else ""),
        user=one.user[:128],
        last_used=one.last_used,
        failure=failure,
    )


def _state(wanted: Wanted, one: Found, model: str, *, working: bool, failed: bool) -> SeatState:
    endpoint = wanted.kind == "endpoint"
    if endpoint and not offered(wanted, model):
        return "SKIPPED"
    if one.desktop is None:
        if failed:
            return "FAILED"
        return "UNFINISHED" if endpoint else "CREATING" if working else "PENDING"
    if working and endpoint and (one.desktop.version, one.desktop.digest) != (wanted.version, wanted.digest):
        return "UNFINISHED"  # it is about to receive
    return _content(one)


def _content(one: Found) -> SeatState:
    """How far a seat is with what it was made from."""
    if one.desktop is None or one.desktop.kind != "endpoint":
        return "READY"
    return STEPS.get(one.step, "WAITING_INSTALL")
