"""The directory of sharing at work over a dict, and its queries over a database that holds the same."""

import asyncio
import hashlib
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.events import Speaker
from contracts.requests import (
    Actor,
    Authenticate,
    CreateToken,
    Identify,
    ListSharingAudit,
    Request,
    RevokeToken,
    SetAccount,
    SetTenant,
    SetUnit,
    SetUser,
)
from contracts.rights import objection
from core.driver import Driver
from core.readside import stored
from runtime.audited import audited
from runtime.requests import Query
from sharing import directory
from sharing.directory.bootstrap import Bootstrap
from sharing.directory.handlers import reactions
from sharing.directory.queries import queries
from sharing.queries.audit import list_audit
from sharing.watched import WATCHED

OPERATOR = Actor(tenant="default", name="root", roles=("operator",))
AUDITOR = Actor(tenant="default", name="looker", roles=("auditor",))
ADA = Actor(tenant="acme", name="ada", roles=("owner",))
JO = Actor(tenant="acme", name="jo", roles=("publisher",))
EVE = Actor(tenant="beta", name="eve", roles=("owner",))
GATEWAY = Actor(tenant="default", name="gateway")
SET_UP = "imprint_set-up"
MIGRATIONS = Path(directory.__file__).parent.parent / "migrations"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def refused(reply: Any, code: str) -> Problem:
    """``reply`` as the refusal it must be."""
    assert isinstance(reply, Problem), reply
    assert reply.code == code, reply
    assert reply.hint
    return reply


class Directory(Driver):
    """``bootstrap``: whether there is a token of the set-up. With ``log`` an audit log is written."""

    def __init__(self, *, bootstrap: bool = True, log: bool = False) -> None:
        self.bootstrap = Bootstrap(digest(SET_UP) if bootstrap else "")
        reacts = reactions(self.bootstrap)
        super().__init__(audited(reacts, WATCHED, Speaker.SHARING) if log else reacts)
        self._commands = itertools.count(1)
        self._secrets = itertools.count(1)

    def do(self, kind: type, actor: Actor = OPERATOR, /, **fields: Any) -> Any:
        """Ask a command as the service is asked: first whether its actor may at all."""
        given = kind(id=f"{next(self._commands):032x}", actor=actor, **fields)
        command = msgspec.json.decode(msgspec.json.encode(given), type=kind)
        return objection(command) or self.ask(command)

    def unit(self, path: str, **fields: Any) -> Any:
        return self.do(SetUnit, path=path, **fields)

    def account(self, name: str, unit: str = "", **fields: Any) -> Any:
        return self.do(SetAccount, name=name, unit=unit, **fields)

    def tenant(self, name: str, account: str = "", **fields: Any) -> Any:
        return self.do(SetTenant, name=name, account=account, **fields)

    def user(self, name: str, *roles: str, actor: Actor = ADA, **fields: Any) -> Any:
        return self.do(SetUser, actor, name=name, roles=roles, **fields)

    def token(self, actor: Actor = JO, *roles: str, **fields: Any) -> tuple[str, Any]:
        """A new secret, and what became of the wish for a token with it."""
        secret = fields.pop("secret", f"imprint_{next(self._secrets)}")
        return secret, self.do(CreateToken, actor, roles=roles, digest=digest(secret), **fields)

    def revoke(self, token: str, actor: Actor = JO, **fields: Any) -> Any:
        return self.do(RevokeToken, actor, token=token, **fields)

    def look(self, *asked: Request, path: Path) -> list[Any]:
        """The answers to queries."""
        answers: Mapping[type[Request], Query] = {**queries(self.bootstrap), ListSharingAudit: list_audit}

        async def answer() -> list[Any]:
            async with stored(self, path / f"{next(self._commands)}.sqlite", MIGRATIONS) as reader:
                return [objection(one) or await answers[type(one)](one, reader) for one in asked]

        return asyncio.run(answer())

    def bears(self, secret: str, path: Path) -> Any:
        """Who bears a token."""
        return self.look(Authenticate(actor=GATEWAY, digest=digest(secret)), path=path)[0]

    def is_vouched_for(self, path: Path, tenant: str, name: str, **said: Any) -> Any:
        """Who somebody is whom an issuer vouches for."""
        return self.look(Identify(actor=GATEWAY, tenant=tenant, name=name, **said), path=path)[0]
