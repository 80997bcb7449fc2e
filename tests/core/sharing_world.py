"""Sharing at work with an image or two, and the words with which tests speak to it."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from contracts.events.hub import GalleryCreated, ImageRegistered, VersionAvailable, VersionDeployed
from contracts.manifest import Manifest, Source
from contracts.principals import Role, above
from contracts.requests import Actor, AnswerOffer, OfferImages, RevokeOffers, SuspendSharing
from contracts.views import PairView
from core.driver import START, Driver
from core.readside import stored
from runtime.store import Reader
from runtime.work import Emitted
from sharing.definition import MIGRATIONS, definition
from sharing.directory.documents import ACCOUNT, TENANT
from sharing.documents import OFFER, offer_key
from sharing.domain.directory.tree import Account, Tenant
from sharing.handlers import reactions
from sharing.settings import SharingSettings

BASE, TOOLS = "1" * 32, "2" * 32
"""Images of acme: ``lab/base`` and ``lab/tools``."""
LAB = "a" * 32
SETTINGS = SharingSettings(data="", max_members=3, max_grants=3, max_group_tenants=2, max_group_accounts=1)


def actor(tenant: str, *roles: Role, account: str = "", unit: str = "", more: tuple[str, ...] = ()) -> Actor:
    """Somebody of a tenant that may be in an account, in a unit; an owner unless roles are named."""
    principals = (*above(tenant, account, unit), f"user:{tenant}/someone", *more)
    return Actor(tenant=tenant, name="someone", roles=roles or ("owner",), principals=principals)


ACME, BETA, GAMMA = actor("acme"), actor("beta", account="group", unit="corp/eu/sales"), actor("gamma")


def registered(image: str = BASE, name: str = "base", tenant: str = "acme", **more: Any) -> ImageRegistered:
    return ImageRegistered(image=image, gallery="lab", name=name, tenant=tenant, os_type="linux", revision=1, **more)


def version_id(image: str, number: str) -> str:
    return f"{image[-16:]}{number.replace('.', 'f'):>16}".replace(" ", "c")


def deployed(
    image: str = BASE,
    number: str = "1.0.0",
    *,
    tenant: str = "acme",
    traits: tuple[Literal["iso", "encrypted"], ...] = (),
) -> VersionDeployed:
    manifest = Manifest(disks=(), source=Source(pod="pod-1", name="golden"), created=START, traits=traits)
    version = version_id(image, number)
    return VersionDeployed(version=version, image=image, number=number, tenant=tenant, manifest=manifest, revision=3)


def available(image: str = BASE, number: str = "1.0.0", *, tenant: str = "acme", revision: int = 6) -> VersionAvailable:
    version = version_id(image, number)
    return VersionAvailable(
        version=version, image=image, number=number, tenant=tenant, available=1, skipped=0, revision=revision
    )


class World(Driver):
    """``lab/base`` of acme has an AVAILABLE version, unless it is not ``ready``. With ``log`` an audit log is kept."""

    def __init__(self, *, ready: bool = True, settings: SharingSettings = SETTINGS, log: bool = False) -> None:
        super().__init__(definition(settings).reactions if log else reactions(settings))
        self._commands = itertools.count(1)
        self.catalog(GalleryCreated(gallery=LAB, tenant="acme", name="lab", revision=1), registered())
        if ready:
            self.catalog(deployed(), available())

    def catalog(self, *events: Any) -> None:
        """The catalog says something."""
        for event in events:
            self.say(event, "catalog")

    def command(self, kind: Any, who: Actor = ACME, **fields: Any) -> Any:
        """Send a command, a second after the one before; its reply."""
        self.pass_time(1)
        return self.ask(kind(id=f"{next(self._commands):032x}", actor=who, **fields))

    def offer(self, *members: str, who: Actor = ACME, images: tuple[str, ...] = (BASE,), **more: Any) -> Any:
        more = {"acknowledged": True} | more
        return self.command(OfferImages, who, images=images, members=members or ("beta",), **more)

    def revoke(self, *members: str, who: Actor = ACME, images: tuple[str, ...] = (BASE,), **more: Any) -> Any:
        return self.command(RevokeOffers, who, images=images, members=members or ("beta",), **more)

    def accept(self, who: Actor = BETA, image: str = BASE, **more: Any) -> Any:
        return self.command(AnswerOffer, who, image=image, answer="accept", **more)

    def reject(self, who: Actor = BETA, image: str = BASE) -> Any:
        return self.command(AnswerOffer, who, image=image, answer="reject")

    def suspend(self, who: Actor = ACME, image: str = BASE) -> Any:
        return self.command(SuspendSharing, who, image=image, suspended=True)

    def resume(self, who: Actor = ACME, image: str = BASE) -> Any:
        return self.command(SuspendSharing, who, image=image, suspended=False)

    def state(self, member: str = "beta", image: str = BASE) -> str | None:
        """The state of an offer as its owner sees it."""
        found = self.get(OFFER, offer_key(image, member))
        return None if found is None else getattr(found, "answered", "REVOKED")

    def home(self, tenant: str, account: str = "", unit: str = "") -> None:
        """Put a tenant into an account, and that into a unit."""
        self.documents[TENANT.name, tenant] = msgspec.json.encode(Tenant(account=account, created=START))
        if account:
            self.documents[ACCOUNT.name, account] = msgspec.json.encode(Account(unit=unit))

    @asynccontextmanager
    async def stored(self, path: Path) -> AsyncIterator[Reader]:
        """All of it in a database."""
        async with stored(self, path / "db", MIGRATIONS) as reader:
            yield reader


def words(said: list[Emitted]) -> list[str]:
    """The types of what was said: ``share.offered``."""
    return [type(one.event).words() for one in said]


def codes(items: tuple[PairView, ...]) -> list[str]:
    """The state of each pair, or its code."""
    return [item.code or item.state for item in items]
