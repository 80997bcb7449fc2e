"""Reactions to the commands about self-defined flavours (features.md B6)."""

from collections.abc import Iterator

import msgspec

from catalog.documents import DEFINED, FLAVOUR, flavour_key
from catalog.domain import flavour
from catalog.domain.flavour import Kept
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
    problem = flavour.objection_to_set(wanted, kept, len(defined.flavours))
    if problem is not None:
        return problem
    now = Kept(flavour=wanted, images=0 if kept is None else kept.images)
    work.put(FLAVOUR, flavour_key(tenant, wanted.name), now)
    if kept is None:
        _list(work, tenant, wanted.name, there=True)
    return flavour_view(now.flavour, now.images)


def _on_drop(message: Message[DropFlavour], work: Work) -> Done | Problem:
    tenant, name = message.body.actor.tenant, message.body.name
    problem = flavour.objection_to_drop(name, work.get(FLAVOUR, flavour_key(tenant, name)))
    if problem is not None:
        return problem
    work.put(FLAVOUR, flavour_key(tenant, name), None)
    _list(work, tenant, name, there=False)
    return Done()


def _list(work: Work, tenant: str, name: str, *, there: bool) -> None:
    defined = work.get(DEFINED, tenant) or NOTHING
    flavours = listed(defined.flavours, name, there=there)
    work.put(DEFINED, tenant, msgspec.structs.replace(defined, flavours=flavours))
