"""What the sharing service is asked about who is who: organisations, accounts, tenants, users, tokens.

Operators keep organisations, accounts and tenants; a tenant's owners keep its users and their tokens, and everybody
his own tokens. ``tenant`` is for operators: without it the actor's own is meant.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from contracts.names import NAME, Name, Text
from contracts.principals import UNIT, Role, UnitPath
from contracts.requests.base import Command, Request

Roles = Annotated[tuple[Role, ...], msgspec.Meta(max_length=6)]
Groups = Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]
# A union with Literal[""] holds the empty text against the other's pattern.
UnitOrNone = Annotated[str, msgspec.Meta(pattern=rf"{UNIT}|^(?!\n)$", max_length=200)]
NameOrNone = Annotated[str, msgspec.Meta(pattern=rf"{NAME}|^(?!\n)$", max_length=80)]
Digest256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]


class SetUnit(Command, frozen=True, kw_only=True, tag="command.sharing.set_unit"):
    """Make an organisation or a unit of one whose parent is there, or change its description."""

    path: UnitPath
    description: Text = ""


class DropUnit(Command, frozen=True, kw_only=True, tag="command.sharing.drop_unit"):
    """Delete a unit without units and accounts that nothing is shared with."""

    path: str


class ListUnits(Request, frozen=True, kw_only=True, tag="query.sharing.units"):
    """Organisations and units by path; with ``below`` that one and all below it."""

    below: str | None = None
    limit: int = 100
    cursor: str | None = None


class SetAccount(Command, frozen=True, kw_only=True, tag="command.sharing.set_account"):
    """Make an account, or move it to another unit (empty: to none)."""

    name: Name
    unit: UnitOrNone = ""
    description: Text = ""


class DropAccount(Command, frozen=True, kw_only=True, tag="command.sharing.drop_account"):
    """Delete an account without tenants that nothing is shared with."""

    name: str


class ListAccounts(Request, frozen=True, kw_only=True, tag="query.sharing.accounts"):
    """Accounts by name, with ``unit`` those of it."""

    unit: str | None = None
    limit: int = 100
    cursor: str | None = None


class SetTenant(Command, frozen=True, kw_only=True, tag="command.sharing.set_tenant"):
    """Make a tenant, move it to another account (empty: to none), or let it ask no more (``disabled``)."""

    name: Name
    account: NameOrNone = ""
    description: Text = ""
    disabled: bool = False


class ListTenants(Request, frozen=True, kw_only=True, tag="query.sharing.tenants"):
    """Operators: all tenants by name, with ``account`` those of it. Others: their own."""

    account: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetTenant(Request, frozen=True, kw_only=True, tag="query.sharing.tenant"):
    """A tenant; for others than operators only their own."""

    name: str


class SetUser(Command, frozen=True, kw_only=True, tag="command.sharing.set_user"):
    """Make a user or a service account of a tenant, or change its roles. Whom an issuer of tokens vouches for has the
    roles of his token beside these. ``disabled`` closes all of his tokens."""

    name: Name
    tenant: Name | None = None
    kind: Literal["user", "service"] = "user"
    roles: Roles = ()
    groups: Groups = ()
    disabled: bool = False


class DropUser(Command, frozen=True, kw_only=True, tag="command.sharing.drop_user"):
    """Delete a user or a service account, and revoke its tokens. What was granted to it by name is taken back before
    somebody else gets the name."""

    name: str
    tenant: Name | None = None


class ListUsers(Request, frozen=True, kw_only=True, tag="query.sharing.users"):
    """The users and service accounts of a tenant, by name."""

    tenant: Name | None = None
    limit: int = 100
    cursor: str | None = None


class CreateToken(Command, frozen=True, kw_only=True, tag="command.sharing.create_token"):
    """Make a local API token for the actor, or as an owner for a user of the tenant. ``roles`` are at most the user's
    own (none: all of them). ``digest`` is the SHA-256 of the secret, which the hub never learns or keeps.
    """

    user: Name | None = None
    tenant: Name | None = None
    roles: Roles = ()
    hours: Annotated[float, msgspec.Meta(gt=0, le=24 * 366)] = 24.0 * 30
    description: Text = ""
    digest: Digest256


class RevokeToken(Command, frozen=True, kw_only=True, tag="command.sharing.revoke_token"):
    """Revoke a token: one's own, or as an owner one of the tenant's."""

    token: str
    tenant: Name | None = None


class ListTokens(Request, frozen=True, kw_only=True, tag="query.sharing.tokens"):
    """One's own tokens; for owners those of the tenant, with ``user`` his. Secrets are known to nobody."""

    user: str | None = None
    tenant: Name | None = None
    limit: int = 100
    cursor: str | None = None


class Authenticate(Request, frozen=True, kw_only=True, tag="query.sharing.authenticate"):
    """The gateway: who bears the token with this digest? Anything that is wrong with it is ``unauthenticated``. The
    actor is the gateway itself."""

    digest: Digest256


class Identify(Request, frozen=True, kw_only=True, tag="query.sharing.identify"):
    """The gateway: what is somebody whom an issuer vouches for, by the claims of his token? The roles are those of
    the token and of the user of that name together; a disabled user or tenant is refused."""

    tenant: Name
    name: Name
    kind: Literal["user", "service"] = "user"
    roles: Roles = ()
    groups: Groups = ()
    until: datetime | None = None
