"""The kinds of document that the directory keeps."""

import msgspec

from runtime.work import Kind
from sharing.domain.directory.person import Person
from sharing.domain.directory.token import Keyring, Token
from sharing.domain.directory.tree import Account, Tenant, Unit


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The digest of the token with an id."""

    digest: str


UNIT: Kind[Unit] = Kind("unit", Unit)
"""By path."""
ACCOUNT: Kind[Account] = Kind("account", Account)
"""By name."""
TENANT: Kind[Tenant] = Kind("tenant", Tenant)
"""By name; one that nobody made has none."""
PERSON: Kind[Person] = Kind("person", Person)
"""By `person_key`."""
KEYRING: Kind[Keyring] = Kind("keyring", Keyring)
"""By `person_key`."""
TOKEN: Kind[Token] = Kind("token", Token)
"""By digest."""
TOKEN_ID: Kind[Told] = Kind("token_id", Told)
"""By a token's id."""


def person_key(tenant: str, name: str) -> str:
    """The id of what is kept of a user or a service account: they share the names of their tenant."""
    return f"{tenant}/{name}"
