"""Reactions to the commands about self-defined flavours (features.md B6)."""

from collections.abc import Iterator

import msgspec

from catalog.documents import DEFINED, FLAVOUR, flavour_key
from catalog.domain import flavour
from catalog.domain.flavour import Kept
from catalog.domain.patching import objection_to_revision
from catalog.domain.revision import following
from catalog.domain.schema import NOTHING, listed
from catalog.views import flavour_view
from contracts.errors import Problem
from contracts.requests import Done, DropFlavour, SetFlavour
from contracts.views import FlavourView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions() -> dict[type, Reaction]:
    """The reactions about flavours."""
    return {SetFlavour: Reaction(_set_keys, _on_set), DropFlavour: Reaction(_drop_keys, _on_drop)}


def _set_keys(message: Message[SetFlavour], _: Get) -> Iterator[Ref]:
    return _refs(message.body.actor.tenant, message.body.flavour.name)


def _drop_keys(message: Message[DropFlavour], _: Get) -> Iterator[Ref]:
    return _refs(message.body.actor.tenant, message.body.name)


def _refs(tenant: str, name: str) -> Iterator[Ref]:
    yield FLAVOUR(flavour_key(tenant, name))
    yield DEFINED(tenant)


def _on_set(message: Message[SetFlavour], work: Work) -> FlavourView | Problem:
    command = message.body
    tenant, wanted = command.actor.tenant, msgspec.structs.replace(command.flavour, system=False)
    defined = work.get(DEFINED, tenant) or NOTHING
    kept = work.get(FLAVOUR, flavour_key(tenant, wanted.name))
    problem = flavour.objection_to_set(wanted, kept, len(defined.flavours)) or _objection(command.revision, kept)
    if problem is not None:
        return problem
    if kept is None:
        now = Kept(flavour=wanted, revision=following(0, defined.highest, work.floor))
        flavours = listed(defined.flavours, wanted.name, there=True)
        work.put(DEFINED, tenant, msgspec.structs.replace(defined, flavours=flavours))
    elif kept.flavour == wanted:
        return flavour_view(kept)
    else:
        revision = following(kept.revision, defined.highest, work.floor)
        now = msgspec.structs.replace(kept, flavour=wanted, revision=revision)
    work.put(FLAVOUR, flavour_key(tenant, wanted.name), now)
    return flavour_view(now)


def _on_drop(message: Message[DropFlavour], work: Work) -> Done | Problem:
    tenant, name = message.body.actor.tenant, message.body.name
    kept = work.get(FLAVOUR, flavour_key(tenant, name))
    problem = flavour.objection_to_drop(name, kept) or _objection(message.body.revision, kept)
    if problem is not None:
        return problem
    work.put(FLAVOUR, flavour_key(tenant, name), None)
    defined = work.get(DEFINED, tenant) or NOTHING
    highest = max(defined.highest, _revision(kept))
    flavours = listed(defined.flavours, name, there=False)
    work.put(DEFINED, tenant, msgspec.structs.replace(defined, flavours=flavours, highest=highest))
    return Done()


def _objection(given: int | None, kept: Kept | None) -> Problem | None:
    return objection_to_revision(given, _revision(kept))


def _revision(kept: Kept | None) -> int:
    return 0 if kept is None else kept.revision
