"""What every request is, and who asks."""

import hashlib
from typing import Literal

import msgspec

from contracts.principals import GIVES, Right, Role


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, in which roles of his own tenant. Services decide by it; the gateway only establishes it.

    ``principals`` are all that he is to those who share (`contracts.principals`), none: his tenant alone. ``bounded``:
    he asks with a token that was made for certain roles, and what was granted to him by name gives no more than these.
    """

    tenant: str
    name: str
    roles: tuple[Role, ...] = ()
    kind: Literal["user", "service"] = "user"
    principals: tuple[str, ...] = ()
    bounded: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """Everything that something may be shared with so that he may use it."""
        return self.principals or (self.tenant,)

    @property
    def rights(self) -> frozenset[Right]:
        """What he may do in his own tenant."""
        return frozenset().union(*(GIVES[role] for role in self.roles))

    @property
    def operator(self) -> bool:
        """Whether this is one of the provider's own: above all tenants."""
        return "operator" in self.roles


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A command or a query; the tag is its subject."""

    actor: Actor

    @classmethod
    def subject(cls) -> str:
        return str(cls.__struct_config__.tag)


class Command(Request, frozen=True, kw_only=True):
    """A request that may change something. ``id`` makes a repetition harmless, also after a restart."""

    id: str


def command_id(actor: Actor, key: str) -> str:
    """The id of a command: the hash of actor and Idempotency-Key (32 hex digits)."""
    return hashlib.sha256(f"{actor.tenant}\0{actor.name}\0{key}".encode()).hexdigest()[:32]
