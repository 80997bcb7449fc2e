"""What tenants are to those who share, as sharing says: their accounts, and the units of organisations above them."""

from collections.abc import Iterator

from catalog.documents import MEMBERSHIP, Membership
from contracts.events.hub import TenantSet
from runtime.work import Get, Message, Reaction, Ref, Work

PLACES = ("account:", "org:")
"""How the principals begin that a tenant is by where it belongs."""


def reactions() -> dict[type, Reaction]:
    """The reaction to the word about a tenant."""
    return {TenantSet: Reaction(_keys, _on_set)}


def still(work: Work, tenant: str, principals: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``principals`` that a tenant, or somebody of it, still is; all where sharing never spoke of it."""
    known = work.get(MEMBERSHIP, tenant)
    if known is None:
        return principals
    return tuple(one for one in principals if one in known.principals or not one.startswith(PLACES))


def _keys(message: Message[TenantSet], _: Get) -> Iterator[Ref]:
    yield MEMBERSHIP(message.body.tenant)


def _on_set(message: Message[TenantSet], work: Work) -> None:
    event = message.body
    work.saga = ""
    known = work.get(MEMBERSHIP, event.tenant)
    if known is None or known.revision < event.revision:
        work.put(MEMBERSHIP, event.tenant, Membership(principals=event.principals, revision=event.revision))
