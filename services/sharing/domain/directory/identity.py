"""Who somebody is when he asks: what his roles are, and everything that can be shared with him.

Anything that is wrong is None: whoever asks with it learns nothing of what there is.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from contracts.principals import Role, above
from contracts.requests import Identify
from contracts.views import IdentityView
from sharing.domain.directory.person import Person, common, in_order
from sharing.domain.directory.token import Token, valid
from sharing.domain.directory.tree import Account, Tenant

HOME = "default"
"""The tenant that there always is."""
ADMIN = "admin"
"""The user of `HOME` that bears the token made when the system was set up."""
ADMINS: tuple[Role, ...] = ("owner", "operator")


def local_admin(tenant: Tenant | None, account: Account | None) -> IdentityView:
    """Who bears the token of the set-up: he is above what the directory says, for he can change that at will."""
    return _identity(HOME, ADMIN, "user", ADMINS, (), tenant, account)


def bearer(
    token: Token, person: Person | None, tenant: Tenant | None, account: Account | None, at: datetime
) -> IdentityView | None:
    """Who bears a local token: its user, in those of the token's roles that the user may still have."""
    if not valid(token, at) or person is None or person.kind != token.kind or _closed(person, tenant):
        return None
    roles = common(token.roles, person.roles)
    found = _identity(token.tenant, token.user, token.kind, roles, person.groups, tenant, account, token.until)
    return msgspec.structs.replace(found, bounded=token.bounded)


def vouched(
    said: Identify, person: Person | None, tenant: Tenant | None, account: Account | None
) -> IdentityView | None:
    """Whom an issuer vouches for. A name that is another kind of account's is not his, whatever the issuer says."""
    if _closed(person, tenant) or (person is not None and person.kind != said.kind):
        return None
    known = ((), ()) if person is None else (person.roles, person.groups)
    roles, groups = in_order((*said.roles, *known[0])), (*said.groups, *known[1])
    return _identity(said.tenant, said.name, said.kind, roles, groups, tenant, account, said.until)


def _closed(person: Person | None, tenant: Tenant | None) -> bool:
    return (person is not None and person.disabled) or (tenant is not None and tenant.disabled)


def _identity(
    tenant: str,
    name: str,
    kind: Literal["user", "service"],
    roles: tuple[Role, ...],
    groups: Iterable[str],
    own: Tenant | None,
    account: Account | None,
    until: datetime | None = None,
) -> IdentityView:
    belongs = "" if own is None else own.account
    unit = "" if account is None else account.unit
    principals = (
        *above(tenant, belongs, unit),
        f"{kind}:{tenant}/{name}",
        *(f"group:{tenant}/{group}" for group in sorted(set(groups))),
    )
    return IdentityView(
        tenant=tenant, name=name, kind=kind, roles=roles, principals=principals, account=belongs, unit=unit, until=until
    )
