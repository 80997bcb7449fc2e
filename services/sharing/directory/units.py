"""Reactions to the commands about organisations and their units."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Problem
from contracts.requests import Done, DropUnit, SetUnit
from contracts.views import UnitView
from runtime.work import Get, Message, Reaction, Ref, Work
from sharing import held
from sharing.directory.documents import UNIT
from sharing.directory.refusals import unit_not_found
from sharing.directory.views import unit_view
from sharing.domain.directory.tree import Unit, parent


def reactions() -> dict[type, Reaction]:
    """The reactions about units."""
    return {SetUnit: Reaction(_keys, _on_set), DropUnit: Reaction(_keys, _on_drop, refuses_anew=True)}


def count(work: Work, path: str, *, units: int = 0, accounts: int = 0) -> None:
    """Add to what a unit has directly in it; empty is no unit."""
    unit = work.get(UNIT, path) if path else None
    if unit is not None:
        after = msgspec.structs.replace(unit, units=unit.units + units, accounts=unit.accounts + accounts)
        work.put(UNIT, path, after)


def _keys(message: Message[SetUnit | DropUnit], _: Get) -> Iterator[Ref]:
    path = message.body.path
    yield UNIT(path)
    yield from held.refs([f"org:{path}"])
    if above := parent(path):
        yield UNIT(above)


def _on_set(message: Message[SetUnit], work: Work) -> UnitView | Problem:
    command = message.body
    path, above = command.path, parent(command.path)
    before = work.get(UNIT, path)
    if before is None:
        if above and work.get(UNIT, above) is None:
            return unit_not_found(above)
        count(work, above, units=1)
        after = Unit(description=command.description)
    elif before.description == command.description:
        return unit_view(path, before)
    else:
        after = msgspec.structs.replace(before, description=command.description, revision=before.revision + 1)
    work.put(UNIT, path, after)
    return unit_view(path, after)


def _on_drop(message: Message[DropUnit], work: Work) -> Done | Problem:
    path = message.body.path
    unit = work.get(UNIT, path)
    if unit is None:
        return unit_not_found(path)
    if unit.units or unit.accounts:
        return Problem(
            code="unit_not_empty",
            detail=f"{path} has {unit.units} units and {unit.accounts} accounts in it",
            hint="Move its accounts to another unit, and delete the units below it first.",
            data={"units": unit.units, "accounts": unit.accounts},
        )
    if left := held.standing(work, f"org:{path}"):
        return Problem(
            code="unit_not_empty",
            detail=f"{left} offers and grants are for {path}: whoever has the name later would have them",
            hint="Those who made them must take them back first; the audit log tells who they are.",
            data={"shares": left},
        )
    work.put(UNIT, path, None)
    count(work, parent(path), units=-1)
    return Done()
