"""A land with walls: the images of one tenant, each shared in another way, and those who may know of some of them.

Everything that belongs to the tenant has `MARK` in its name, so that it is known wherever it turns up.
"""

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.events.hub import Targets
from contracts.manifest import Source
from contracts.requests import (
    Accepted,
    Actor,
    AnswerOffer,
    Command,
    CreateGallery,
    DeleteVersion,
    GetGallery,
    GetImage,
    GetJob,
    GetVersion,
    ImportVersion,
    MoveMarker,
    OfferImages,
    PublishVersion,
    RevokeOffers,
    SetDataAccess,
    SetEnabled,
    SetGrant,
    ShareGallery,
    SuspendSharing,
    command_id,
)
from contracts.requests.sharing import Community
from harness.asking import ENDED
from harness.house import House
from runtime.ids import new_id

MARK = "zq"
OWNER = f"{MARK}alpha"
NUMBER = "1.0.0"
PODS = ("pod-1", "pod-2", "pod-3")
MARKER = f"{MARK}prod"
CONTENT = random.Random(8).randbytes(4 * 65536)
"""What is on the disks: nothing that can be made smaller."""


def bearer(tenant: str, *roles: str, name: str = "jo", more: tuple[str, ...] = ()) -> Actor:
    """Somebody of a tenant, and all that he is."""
    return Actor(tenant=tenant, name=name, roles=roles, principals=(tenant, *more, f"user:{tenant}/{name}"))  # type: ignore[arg-type]


ADA = bearer(OWNER, "owner", name=f"{MARK}ada")
PROVIDER = bearer(OWNER, "operator", "owner", name=f"{MARK}root")


@dataclass(frozen=True, eq=False)
class Thing:
    """An image with one version. ``gallery`` and ``version`` are ids; ``there`` is whether anybody can still see it."""

    name: str
    home: str
    gallery: str
    image: str
    version: str
    job: str
    there: bool = True

    def texts(self) -> tuple[str, ...]:
        """By what it can be told from another one."""
        return self.gallery, self.image, self.version, self.job


def ghost() -> Thing:
    """What never was, but is called as something could be."""
    return Thing("ghost", "ghost", new_id(), new_id(), new_id(), new_id(), there=False)


GALLERIES = {"lab": "private", "club": "groups", "commons": "community", "open": "public", "std": "private"}
"""How the galleries are shared."""
IMAGES = {
    "private": "lab", "shared": "lab", "suspended": "lab", "disabled": "lab", "denied": "lab",
    "deleted": "lab",
    "grouped": "club", "communal": "commons", "public": "open", "standard": "std",
}  # fmt: skip
"""The gallery of each image."""
SHARED = ("shared", "suspended", "disabled", "denied", "deleted")
"""Images that are offered, and on which roles are granted."""
CLUB = ("zclub", "account:zclubs")


@dataclass(frozen=True)
class Who:
    """Somebody who is related to what is shared: ``offered`` through which principal, and ``answered`` how; the roles
    that were ``granted`` to him on shared images, on their version and on their gallery."""

    tenant: str
    more: tuple[str, ...] = ()
    offered: str = ""
    answered: str = ""
    revoked: bool = False
    granted: dict[str, str] = field(default_factory=dict, hash=False)
    """Role by ``scope principal``."""
    bounded: bool = False
    """He comes with a token that was made for certain roles."""

    def bearer(self, *roles: str) -> Actor:
        """He himself, in these roles."""
        return msgspec.structs.replace(bearer(self.tenant, *roles, more=self.more), bounded=self.bounded)


PEOPLE = {
    "owner": Who(OWNER),
    "stranger": Who("zstranger", ("account:zforeign", "org:zabroad")),
    "pending": Who("zpending", offered="zpending"),
    "accepted": Who("zaccepted", offered="zaccepted", answered="accept"),
    "rejected": Who("zrejected", offered="zrejected", answered="reject"),
    "revoked": Who("zrevoked", offered="zrevoked", answered="accept", revoked=True),
    "of an account": Who("zinacc", ("account:zacc",), offered="account:zacc", answered="accept"),
    "of a unit": Who("zinunit", ("account:zother", "org:zcorp", "org:zcorp/eu"), offered="org:zcorp/eu"),
    "above a unit": Who("zabove", ("account:zboss", "org:zcorp")),
    "granted as a tenant": Who("zgranted", granted={"image zgranted": "publisher"}),
    "granted by name": Who("zguest", granted={"image user:zguest/jo": "owner"}),
    "granted by name, for some roles": Who("zguest", granted={"image user:zguest/jo": "owner"}, bounded=True),
    "granted as a group": Who("zgroup", ("group:zgroup/devs",), granted={"image group:zgroup/devs": "sharer"}),
    "granted a version": Who("zversion", granted={"version user:zversion/jo": "publisher"}),
    "granted a gallery": Who("zgallery", granted={"gallery user:zgallery/jo": "publisher"}),
    "of the club": Who("zclub"),
    "of a club's account": Who("zclubber", ("account:zclubs",)),
}  # fmt: skip
"""Who somebody can be to the tenant `OWNER`. The gallery on which roles are granted is ``lab``."""


class Land:
    """The house, and what is in it."""

    def __init__(self, home: House) -> None:
        self.home = home
        self.things: dict[str, Thing] = {}
        self.galleries: dict[str, str] = {}

    async def do(self, actor: Actor, kind: type[Command], **fields: Any) -> Any:
        """The reply to a command, which must not be refused."""
        reply = await self.home.ask(kind(id=command_id(actor, new_id()), actor=actor, **fields))
        assert not isinstance(reply, Problem), (kind, fields, reply)
        failed = [pair for pair in getattr(reply, "items", ()) if getattr(pair, "code", "")]
        assert not failed, (kind, failed)
        return reply

    async def ended(self, accepted: Any, actor: Actor = ADA) -> Any:
        """The job of what was accepted, once it is over: with success."""
        assert isinstance(accepted, Accepted), accepted

        async def over() -> Any:
            job = await self.home.ask(GetJob(actor=actor, job=accepted.job))
            return job if job.state in ENDED else None

        job = await self.home.record.until(over, 60)
        assert job.state == "SUCCESS", job
        return job

    async def made(self, name: str, gallery: str, content: bytes = CONTENT) -> Thing:
        """An image with a version that is AVAILABLE on both pods."""
        actor, more = (PROVIDER, {"image_class": "standard"}) if name == "standard" else (ADA, {})
        vm, path = f"{MARK}vm-{name}", f"{MARK}{gallery}/{MARK}{name}"
        pod = PODS[2] if name == "shared" else PODS[0]
        self.home.site(pod).vm(vm, content)
        imported = await self.do(
            actor, ImportVersion, image=path, create=True, source=Source(pod=pod, name=vm), number=NUMBER, **more
        )
        await self.ended(imported, actor)
        targets = Targets(kind="list", pods=PODS if name == "shared" else PODS[:2])
        published = await self.do(actor, PublishVersion, image=path, number=NUMBER, targets=targets)
        await self.ended(published, actor)
        if name != "deleted":
            await self.do(actor, MoveMarker, image=imported.image, marker=MARKER, number=NUMBER)
        home = self.galleries[gallery]
        return Thing(name, gallery, home, imported.image, imported.version, imported.job)


async def settled(home: House) -> Land:
    """A land in which everything is made, offered, answered, granted and taken back."""
    land = Land(home)
    for gallery in GALLERIES:
        made = await land.do(ADA, CreateGallery, name=f"{MARK}{gallery}")
        land.galleries[gallery] = made.id
    things = await asyncio.gather(*(land.made(name, gallery) for name, gallery in IMAGES.items()))
    land.things = {thing.name: thing for thing in things}
    await _share_galleries(land)
    await _share_images(land)
    await home.quiet()
    await land.do(ADA, SuspendSharing, image=land.things["suspended"].image, suspended=True)
    await land.do(ADA, SetEnabled, image=land.things["disabled"].image, enabled=False)
    await land.do(ADA, SetDataAccess, image=land.things["denied"].image, number=NUMBER, active=False)
    gone = land.things["deleted"].image  # an image goes with its last version
    await land.ended(await land.do(ADA, DeleteVersion, image=gone, number=NUMBER, bypass_soft_delete=True))
    land.things["deleted"] = replace(land.things["deleted"], there=False)
    await home.quiet()
    return land


async def _share_galleries(land: Land) -> None:
    community = Community(
        publisher_uri="https://alpha.example/", contact="ada@alpha.example", eula="As it is.", prefix=f"{MARK}alpha"
    )
    for gallery, sharing in GALLERIES.items():
        if sharing != "private":
            more: dict[str, Any] = {"members": CLUB} if sharing == "groups" else {}
            more |= {"community": community} if sharing == "community" else {}
            actor = PROVIDER if sharing == "public" else ADA
            await land.do(actor, ShareGallery, gallery=land.galleries[gallery], sharing=sharing, **more)


async def _share_images(land: Land) -> None:
    images = tuple(land.things[name].image for name in SHARED)
    members = tuple(who.offered for who in PEOPLE.values() if who.offered)
    await land.do(ADA, OfferImages, images=images, members=members, acknowledged=True)
    await land.home.quiet()
    for who in PEOPLE.values():
        if who.answered:
            for image in images:
                await land.do(who.bearer("owner"), AnswerOffer, image=image, answer=who.answered)
        for place, role in who.granted.items():
            scope, _, principal = place.partition(" ")
            if scope == "gallery":
                await land.do(ADA, SetGrant, gallery=land.galleries["lab"], principal=principal, roles=(role,))
                continue
            for image in images:
                number = {"number": NUMBER} if scope == "version" else {}
                await land.do(ADA, SetGrant, image=image, principal=principal, roles=(role,), **number)
    gone = tuple(who.offered for who in PEOPLE.values() if who.revoked)
    await land.do(ADA, RevokeOffers, images=images, members=gone)


async def looked_at(land: Land) -> None:
    """Have the owner see everything that was made: what follows says something only where that is there."""
    for thing in land.things.values():
        if thing.there:
            for query in (
                GetImage(actor=ADA, image=thing.image),
                GetVersion(actor=ADA, image=thing.image, number=NUMBER),
                GetGallery(actor=ADA, gallery=thing.gallery),
            ):
                assert not isinstance(found := await land.home.ask(query), Problem), (thing, found)
