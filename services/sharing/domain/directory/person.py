"""Users and service accounts, and what their roles may be.

Roles are compared by the rights that they give: who may do all that a role may do can give it, and has it where less
is asked for. The provider's own two are an exception: only an operator gives them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from contracts.principals import GIVES, Right, Role
from contracts.requests import Actor

PROVIDERS: frozenset[Role] = frozenset({"operator", "auditor"})
"""The roles that reach beyond one's own tenant."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user or a service account of a tenant. A ``disabled`` one has no valid token of any issuer."""

    kind: Literal["user", "service"] = "user"
    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ()
    disabled: bool = False
    updated: datetime
    revision: int = 1


def in_order(roles: Iterable[Role]) -> tuple[Role, ...]:
    """Each of ``roles`` once, in the order in which they are listed everywhere."""
    given = set(roles)
    return tuple(role for role in GIVES if role in given)


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """What roles may do together."""
    return frozenset().union(*(GIVES[role] for role in roles))


def beyond(roles: Iterable[Role], rights: frozenset[Right]) -> tuple[Role, ...]:
    """Those of ``roles`` that may do more than ``rights``."""
    return in_order(role for role in roles if not GIVES[role] <= rights)


def not_his_to_give(roles: Iterable[Role], actor: Actor) -> tuple[Role, ...]:
    """Those of ``roles`` that ``actor`` can neither give nor take."""
    if actor.operator:
        return ()
    wanted = in_order(roles)
    return in_order({*beyond(wanted, actor.rights), *(role for role in wanted if role in PROVIDERS)})


def common(one: Iterable[Role], other: Iterable[Role]) -> tuple[Role, ...]:
    """The roles that are left where both bounds hold: those in both, and the largest that give no more than either.

    Of an owner's token for readers that is ``reader``; so it is where the token was an owner's, and its user became a
    reader since.
    """
    first, second = set(one), set(other)
    rights = rights_of(first) & rights_of(second)
    within = [role for role in GIVES if GIVES[role] <= rights]
    largest = [role for role in within if not any(GIVES[role] < GIVES[more] for more in within)]
    return in_order({*largest, *(first & second)})
