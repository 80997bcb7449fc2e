"""The directory in the real service: what is said is asked at once, and what is taken back holds no longer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from contracts.audit import Tip, verify
from contracts.errors import Problem
from contracts.requests import (
    Actor,
    AuditPage,
    Authenticate,
    CreateToken,
    Done,
    ListSharingAudit,
    RevokeToken,
    SetTenant,
    SetUnit,
    SetUser,
)
from contracts.views import IdentityView, PersonView, TokenView
from harness.toy import outsider
from runtime.bearer import digest, new_secret
from runtime.ids import new_id
from runtime.requests import Requests
from runtime.service import service
from sharing.definition import definition
from sharing.settings import SharingSettings

GATEWAY = Actor(tenant="default", name="gateway")


@asynccontextmanager
async def running(settings: SharingSettings) -> AsyncIterator[Requests]:
    """Sharing, and somebody who asks it."""
    async with (
        outsider(settings.nats_url),
        service(definition(settings), settings),
        Requests.connect(settings, "asker") as requests,
    ):
        yield requests


def actor_of(identity: IdentityView) -> Actor:
    return Actor(
        tenant=identity.tenant,
        name=identity.name,
        roles=identity.roles,
        kind=identity.kind,  # type: ignore[arg-type]
        principals=identity.principals,
    )


async def test_a_token_made_with_another_one_holds_until_it_is_revoked(nats_url: str, tmp_path: Path) -> None:
    first, file = new_secret(), tmp_path / "token.sha256"
    file.write_text(digest(first) + "\n")
    settings = SharingSettings(data=str(tmp_path / "sharing"), nats_url=nats_url, bootstrap_token_file=str(file))
    for start in range(2):  # the second start has the database of the first
        async with running(settings) as requests:
            admin = actor_of(await requests.ask(Authenticate(actor=GATEWAY, digest=digest(first))))
            assert admin.operator
            user = SetUser(id=new_id(), actor=admin, tenant="acme", name="jo", roles=("owner",))
            assert isinstance(await requests.ask(user), PersonView)
            secret = new_secret()
            made = await requests.ask(
                CreateToken(id=new_id(), actor=admin, tenant="acme", user="jo", digest=digest(secret))
            )
            assert isinstance(made, TokenView)
            jo = await requests.ask(Authenticate(actor=GATEWAY, digest=digest(secret)))
            assert (jo.tenant, jo.roles) == ("acme", ("owner",))
            refusal = await requests.ask(SetUnit(id=new_id(), actor=actor_of(jo), path="mine"))
            assert isinstance(refusal, Problem)
            assert refusal.code == "forbidden"
            assert isinstance(await requests.ask(RevokeToken(id=new_id(), actor=actor_of(jo), token=made.id)), Done)
            again, never = [
                await requests.ask(Authenticate(actor=GATEWAY, digest=digest(one))) for one in (secret, "no token")
            ]
            assert again == never
            assert never.code == "unauthenticated"
            page = await requests.ask(ListSharingAudit(actor=admin))
            assert isinstance(page, AuditPage)
            assert verify(page.items) == Tip(sequence=page.sequence, hash=page.head)
            assert len(page.items) == (4, 7)[start]


async def test_who_is_disabled_asks_no_more(nats_url: str, tmp_path: Path) -> None:
    settings = SharingSettings(data=str(tmp_path / "sharing"), nats_url=nats_url)
    operator = Actor(tenant="default", name="root", roles=("operator",))
    jo = Actor(tenant="acme", name="jo", roles=("owner",))
    async with running(settings) as requests:
        user = SetUser(id=new_id(), actor=jo, name="jo", roles=("owner",))
        await requests.ask(user)
        secret = new_secret()
        await requests.ask(CreateToken(id=new_id(), actor=jo, digest=digest(secret)))
        asked = Authenticate(actor=GATEWAY, digest=digest(secret))
        for disabled in (True, False):
            said = await requests.ask(SetTenant(id=new_id(), actor=operator, name="acme", disabled=disabled))
            assert not isinstance(said, Problem), said
            assert isinstance(await requests.ask(asked), Problem if disabled else IdentityView)
        for disabled in (True, False):
            await requests.ask(msgspec.structs.replace(user, id=new_id(), disabled=disabled))
            assert isinstance(await requests.ask(asked), Problem if disabled else IdentityView)
