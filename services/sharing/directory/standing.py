"""Which tenant is meant, and whether the asker may look after its users."""

from contracts.errors import Problem
from contracts.requests import Actor
from sharing.directory.refusals import tenant_not_found


def tenant_meant(actor: Actor, named: str | None) -> str | Problem:
    """The tenant that a request is about: the actor's own, or the one that an operator names. Of other tenants nobody
    learns whether they are there."""
    if named is None or named == actor.tenant or actor.operator:
        return named or actor.tenant
    return tenant_not_found(named)


def manages(actor: Actor) -> bool:
    """Whether he looks after the users of the tenant that he means."""
    return "manage" in actor.rights
