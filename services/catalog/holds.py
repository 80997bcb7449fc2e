"""Pools that wait because their version is held until its validations succeeded, when the hold falls (B17)."""

from collections.abc import Iterator

import msgspec

from catalog import pools
from catalog.documents import ROSTER, USES, Roster
from catalog.domain.uses import Uses
from runtime.work import Get, Local, Message, Reaction, Ref, Work

STEP = 64
"""Versions of an image that one message to self looks at."""


class HoldFell(Local, frozen=True, kw_only=True, tag="hold.fell"):
    """An image holds its versions back no more; those ``after`` one of them are still to be looked at."""

    image: str
    after: str = ""


def reactions() -> dict[type, Reaction]:
    """The reaction to a hold that fell."""
    return {HoldFell: Reaction(_keys, _on_fell)}


def fell(work: Work, image: str) -> None:
    """Let the pools go on that wait for versions of ``image``: it holds none back any more."""
    _look(work, HoldFell(image=image))


def wake(work: Work, uses: Uses | None) -> None:
    """Let the pools go on that want a version, by its ``uses``, and do not have it yet."""
    known = {} if uses is None else uses.by
    for id in sorted({key.partition("/")[0] for key, use in known.items() if use.wanted and not use.runs}):
        pools.look_soon(work, id)


def _look(work: Work, body: HoldFell) -> None:
    work.remind(f"hold/{body.image}", work.message.at, body, saga="")


def _next(body: HoldFell, get: Get) -> list[str]:
    roster: Roster | None = get(ROSTER, body.image)
    return [] if roster is None else sorted(id for id in roster.versions if id > body.after)[: STEP + 1]


def _keys(message: Message[HoldFell], get: Get) -> Iterator[Ref]:
    yield ROSTER(message.body.image)
    for id in _next(message.body, get)[:STEP]:
        yield USES(id)


def _on_fell(message: Message[HoldFell], work: Work) -> None:
    found = _next(message.body, work.get)
    for id in found[:STEP]:
        wake(work, work.get(USES, id))
    if len(found) > STEP:
        _look(work, msgspec.structs.replace(message.body, after=found[STEP - 1]))
