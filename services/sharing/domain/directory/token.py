"""Local API tokens. The hub knows a token's digest (SHA-256 of its secret) and never the secret.

A secret has 256 random bits, so a digest can be looked up like any key: how long that takes tells nothing about other
digests, and a slow hash would protect nothing.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from contracts.principals import Role

MOST_TOKENS = 100
"""Valid tokens of one user."""
MOST_ENDED = 100
"""Revoked tokens of one user that are still listed."""
KEPT = timedelta(days=7)
"""For so long a token that has ended is listed."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token of the user or service account ``tenant/user``. ``roles`` bound what its bearer may do, whatever the
    user may do later; in other tenants too where it was made for them (``bounded``)."""

    id: str
    tenant: str
    user: str
    kind: Literal["user", "service"] = "user"
    roles: tuple[Role, ...] = ()
    bounded: bool = False
    created: datetime
    until: datetime
    revoked: datetime | None = None
    description: str = ""
    revision: int = 1


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What a `Keyring` tells of a token."""

    digest: str
    until: datetime
    revoked: bool = False


class Keyring(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one user by id, those that ended lately among them."""

    held: dict[str, Key] = {}

    def valid(self, at: datetime) -> int:
        """How many can still be used."""
        return sum(not key.revoked and key.until > at for key in self.held.values())

    def with_key(self, id: str, key: Key) -> "Keyring":
        """The keyring with one more token, or with another word about one."""
        return Keyring(held={**self.held, id: key})

    def without(self, ids: frozenset[str]) -> "Keyring":
        """The keyring without some tokens."""
        return Keyring(held={id: key for id, key in self.held.items() if id not in ids})

    @property
    def too_many_revoked(self) -> frozenset[str]:
        """The oldest of the revoked ones, where more are listed than should be. Ids sort by age."""
        revoked = sorted(id for id, key in self.held.items() if key.revoked)
        return frozenset(revoked[: max(0, len(revoked) - MOST_ENDED)])


def valid(token: Token, at: datetime) -> bool:
    """Whether a token opens anything at ``at``, as far as it depends on the token."""
    return token.revoked is None and at < token.until
