"""Who somebody is to those who share: a tenant, the account and the organisation it belongs to, a user, a group.

A principal is one text: ``acme`` (a tenant), ``account:acme-group``, ``org:corp`` or ``org:corp/europe/sales`` (an
organisation, or a unit of its tree: all that is below it is meant too), ``user:acme/jo``, ``service:acme/ci`` (a
service account), ``group:acme/devs`` (a claim of the tokens of that tenant's users). Offers go to the first three
(features.md E4), role grants to any. What somebody is besides his tenant is looked up when he asks, not when something
was shared: who leaves an account or an organisation loses what was shared with it.
"""

import hashlib
import re
from typing import Annotated, Literal

import msgspec

from contracts.names import NAME

_PART = NAME.removeprefix("^").removesuffix(r"(?!\n)$")
_UNIT = rf"{_PART}(?:/{_PART}){{0,7}}"
UNIT = rf"^{_UNIT}(?!\n)$"
PRINCIPAL = rf"^(?:{_PART}|account:{_PART}|org:{_UNIT}|(?:user|service|group):{_PART}/{_PART})(?!\n)$"
MEMBER = rf"^(?:{_PART}|account:{_PART}|org:{_UNIT})(?!\n)$"

UnitPath = Annotated[str, msgspec.Meta(pattern=UNIT, max_length=200)]
"""An organisation, and a unit of it below a slash, eight levels at most."""
Principal = Annotated[str, msgspec.Meta(pattern=PRINCIPAL, max_length=208)]
Member = Annotated[str, msgspec.Meta(pattern=MEMBER, max_length=208)]
"""A principal that images can be offered to."""

Role = Literal["reader", "publisher", "sharer", "owner", "operator", "auditor"]
Granted = Literal["reader", "publisher", "sharer", "owner"]
"""A role that can be granted on a gallery, an image or a version."""
Right = Literal["read", "publish", "share", "manage", "operate", "audit"]

GIVES: dict[Role, frozenset[Right]] = {
    "reader": frozenset({"read"}),
    "publisher": frozenset({"read", "publish"}),
    "sharer": frozenset({"read", "share"}),
    "owner": frozenset({"read", "publish", "share", "manage"}),
    "operator": frozenset({"read", "publish", "share", "manage", "operate", "audit"}),
    "auditor": frozenset({"read", "audit"}),
}
"""What a role may do: in its own tenant, or on what it was granted on. An operator is the provider: what belongs to no
tenant (pods, quotas, policies, the standard class, tenants themselves) is his. Other tenants' images are not."""

_principal = re.compile(PRINCIPAL)


def above(tenant: str, account: str = "", unit: str = "") -> tuple[str, ...]:
    """What a tenant is: itself, its account, and every unit that its account is in, up to the organisation."""
    found = [tenant]
    if account:
        found.append(f"account:{account}")
    parts = unit.split("/") if unit else []
    found += [f"org:{'/'.join(parts[:end])}" for end in range(1, len(parts) + 1)]
    return tuple(found)


def tenant_key(tenant: str) -> str:
    """What stands for a tenant where its name cannot: in the subject of an event."""
    return hashlib.sha256(tenant.encode()).hexdigest()[:32]


def is_principal(text: str) -> bool:
    """Whether ``text`` has the form of a principal."""
    return len(text) <= 208 and _principal.fullmatch(text) is not None


def is_tenant(principal: str) -> bool:
    """Whether a principal is a single tenant."""
    return ":" not in principal
