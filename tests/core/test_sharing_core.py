"""Sharing: who may do what to whom in which state (features.md, b.4), and what strangers learn (nothing)."""

import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.events import SPEAKERS, Speaker
from contracts.events.hub import (
    ImageDeleted,
    ImageRegistered,
    VersionAvailable,
    VersionDeployed,
    VersionPartiallyAvailable,
)
from contracts.manifest import Manifest, Source
from contracts.requests import (
    REPLIES,
    Actor,
    AnswerOffer,
    Command,
    Done,
    ListMembers,
    MemberPage,
    OfferImage,
    RevokeOffer,
)
from contracts.topology import HEARS
from core.driver import START, Driver
from core.readside import stored
from sharing.definition import definition
from sharing.documents import IMAGE, MEMBER, member_key
from sharing.handlers import reactions
from sharing.queries import QUERIES
from sharing.settings import SharingSettings

IMAGE_ID = "1" * 32
SETTINGS = SharingSettings(data="", max_members=3)
OWNER, MEMBER_, OTHER = (Actor(tenant=name, name="someone") for name in ("acme", "beta", "gamma"))
REGISTERED = ImageRegistered(image=IMAGE_ID, gallery="default", name="base", tenant="acme", os_type="linux", revision=1)
DEPLOYED = VersionDeployed(
    version="2" * 32,
    image=IMAGE_ID,
    number="1.0.0",
    tenant="acme",
    manifest=Manifest(disks=(), source=Source(pod="pod-1", name="golden"), created=START),
    revision=3,
)
AVAILABLE = VersionAvailable(
    version="2" * 32, image=IMAGE_ID, number="1.0.0", tenant="acme", available=1, skipped=0, revision=6
)
PARTIALLY = VersionPartiallyAvailable(
    version="2" * 32, image=IMAGE_ID, number="1.0.0", tenant="acme", available=1, failed=1, skipped=0, revision=7
)


class World(Driver):
    """Sharing at work; ``ready`` says whether the image of acme has a version."""

    def __init__(self, *, ready: bool = True) -> None:
        super().__init__(reactions(SETTINGS))
        self._commands = itertools.count(1)
        self.say(REGISTERED, "catalog")
        if ready:
            self.say(DEPLOYED, "catalog")

    def do(self, verb: str, actor: Actor = OWNER, image: str = IMAGE_ID, member: str = "beta") -> Any:
        id = f"{next(self._commands):032x}"
        match verb:
            case "offer":
                return self.ask(OfferImage(id=id, actor=actor, image=image, member=member))
            case "revoke":
                return self.ask(RevokeOffer(id=id, actor=actor, image=image, member=member))
            case "accept" | "reject":
                return self.ask(AnswerOffer(id=id, actor=actor, image=image, answer=verb))
        raise ValueError(verb)

    def state(self, member: str = "beta") -> str | None:
        found = self.get(MEMBER, member_key(IMAGE_ID, member))
        return None if found is None else str(found.__struct_config__.tag)


REACH: dict[str | None, list[tuple[str, Actor]]] = {
    None: [],
    "PENDING": [("offer", OWNER)],
    "ACCEPTED": [("offer", OWNER), ("accept", MEMBER_)],
    "REJECTED": [("offer", OWNER), ("reject", MEMBER_)],
    "REVOKED": [("offer", OWNER), ("revoke", OWNER)],
}
TABLE: list[tuple[str | None, str, Actor, str | None, str]] = [
    # from, verb, who, to (None: as before), event or refusal
    (None, "offer", OWNER, "PENDING", "share.offered"),
    ("PENDING", "offer", OWNER, None, "member_exists"),
    ("ACCEPTED", "offer", OWNER, None, "member_exists"),
    ("REJECTED", "offer", OWNER, None, "member_exists"),
    ("REVOKED", "offer", OWNER, "PENDING", "share.offered"),
    (None, "revoke", OWNER, None, "member_not_found"),
    ("PENDING", "revoke", OWNER, "REVOKED", "share.revoked"),
    ("ACCEPTED", "revoke", OWNER, "REVOKED", "share.revoked"),
    ("REJECTED", "revoke", OWNER, "REVOKED", "share.revoked"),
    ("REVOKED", "revoke", OWNER, None, "member_not_found"),
    (None, "accept", MEMBER_, None, "image_not_found"),
    ("PENDING", "accept", MEMBER_, "ACCEPTED", "share.accepted"),
    ("PENDING", "reject", MEMBER_, "REJECTED", "share.rejected"),
    ("ACCEPTED", "accept", MEMBER_, None, ""),
    ("ACCEPTED", "reject", MEMBER_, "REJECTED", "share.rejected"),
    ("REJECTED", "accept", MEMBER_, "ACCEPTED", "share.accepted"),
    ("REJECTED", "reject", MEMBER_, None, ""),
    ("REVOKED", "accept", MEMBER_, None, "image_not_found"),
    ("REVOKED", "offer", MEMBER_, None, "image_not_found"),
    *[(state, verb, OWNER, None, "forbidden") for state in REACH for verb in ("accept", "reject")],
    *[
        (state, verb, OTHER, None, "image_not_found")
        for state in REACH
        for verb in ("offer", "revoke", "accept", "reject")
    ],
    *[
        (state, verb, MEMBER_, None, "forbidden")
        for state in ("PENDING", "ACCEPTED", "REJECTED")
        for verb in ("offer", "revoke")
    ],
]


@pytest.mark.parametrize(("state", "verb", "actor", "to", "outcome"), TABLE)
def test_every_step_of_every_party_in_every_state(
    state: str | None, verb: str, actor: Actor, to: str | None, outcome: str
) -> None:
    world = World()
    for step, who in REACH[state]:
        assert world.do(step, who) == Done()
    assert world.state() == state
    before, said = dict(world.documents), len(world.emitted)
    reply = world.do(verb, actor)
    if isinstance(reply, Problem):
        assert reply.code == outcome
        assert reply.hint
    else:
        assert [type(event).words() for event in world.events()[said:]] == ([outcome] if outcome else [])
    if to is None:
        assert world.documents == before
    else:
        assert world.state() == to


def test_the_members_own_answer_is_what_counts_and_revisions_go_up() -> None:
    world = World()
    for verb, who in (("offer", OWNER), ("accept", MEMBER_), ("reject", MEMBER_), ("revoke", OWNER), ("offer", OWNER)):
        assert world.do(verb, who) == Done()
    assert [(event.revision, event.member) for event in world.events()] == [(n, "beta") for n in range(1, 6)]
    assert world.events()[0].owner == "acme"


def test_a_receiver_cannot_share_on_and_nobody_offers_to_itself() -> None:
    world = World()
    world.do("offer")
    world.do("accept", MEMBER_)
    assert world.do("offer", MEMBER_, member="gamma").code == "forbidden"
    assert world.do("offer", member="acme").code == "validation_failed"


@pytest.mark.parametrize("event", [DEPLOYED, AVAILABLE, PARTIALLY])
def test_an_image_is_shareable_once_a_version_is_ready(event: Any) -> None:
    world = World(ready=False)
    assert world.do("offer").code == "not_shareable"
    world.say(event, "catalog")
    assert world.do("offer") == Done()


def test_what_the_catalog_says_of_an_image_may_come_in_any_order_and_again() -> None:
    ends = set()
    for order in itertools.permutations([REGISTERED, DEPLOYED, AVAILABLE, PARTIALLY]):
        world = Driver(reactions(SETTINGS))
        for event in (*order, *order):
            world.say(event, "catalog")
        ends.add(tuple(world.documents.items()))
        assert world.emitted == []
    assert len(ends) == 1
    image = world.get(IMAGE, IMAGE_ID)
    assert image is not None
    assert (image.owner, image.ready, image.members) == ("acme", True, 0)


@pytest.mark.parametrize("late", [REGISTERED, DEPLOYED, AVAILABLE])
async def test_a_deleted_image_is_there_for_nobody_any_more(tmp_path: Path, late: Any) -> None:
    world = World()
    world.do("offer")
    world.do("accept", MEMBER_)
    world.say(ImageDeleted(image=IMAGE_ID, tenant="acme", revision=9), "catalog")
    world.say(late, "catalog")
    for verb, actor in (("offer", OWNER), ("revoke", OWNER), ("accept", MEMBER_), ("reject", MEMBER_)):
        assert world.do(verb, actor, member="delta" if verb == "offer" else "beta").code == "image_not_found"
    async with stored(world, tmp_path / "db") as reader:
        for actor in (OWNER, MEMBER_):
            reply = await QUERIES[ListMembers](ListMembers(actor=actor, image=IMAGE_ID), reader)
            assert isinstance(reply, Problem)
            assert reply.code == "image_not_found"


def test_an_image_has_no_more_members_than_allowed_and_a_revoked_one_makes_room() -> None:
    world = World()
    for member in ("beta", "gamma", "delta"):
        assert world.do("offer", member=member) == Done()
    assert world.do("offer", member="eta").code == "member_limit"
    world.do("revoke", member="gamma")
    assert world.do("offer", member="eta") == Done()


@pytest.mark.parametrize("image", ["0" * 32, "", "x/beta", f"{IMAGE_ID}/beta", "\0"])
def test_an_image_that_does_not_exist_looks_like_one_that_is_not_yours(image: str) -> None:
    world = World()
    world.do("offer")
    theirs = world.do("accept", OTHER)
    for verb in ("offer", "revoke", "accept"):
        reply = world.do(verb, OTHER, image)
        assert (reply.code, reply.hint, reply.data) == (theirs.code, theirs.hint, theirs.data)


async def test_the_owner_sees_all_members_a_member_its_own_row_and_a_stranger_nothing(tmp_path: Path) -> None:
    world = World()
    for member in ("beta", "gamma", "delta"):
        world.do("offer", member=member)
    world.do("accept", MEMBER_)
    world.do("revoke", member="gamma")
    async with stored(world, tmp_path / "db") as reader:

        async def seen(actor: Actor, image: str = IMAGE_ID) -> Any:
            reply = await QUERIES[ListMembers](ListMembers(actor=actor, image=image), reader)
            assert msgspec.json.decode(msgspec.json.encode(reply), type=type(reply)) == reply
            if isinstance(reply, Problem):
                return reply.code
            assert isinstance(reply, MemberPage)
            return [(one.member, one.state) for one in reply.items]

        assert await seen(OWNER) == [("beta", "ACCEPTED"), ("delta", "PENDING")]
        assert await seen(MEMBER_) == [("beta", "ACCEPTED")]
        assert await seen(OTHER) == "image_not_found"
        assert await seen(Actor(tenant="nobody", name="n")) == "image_not_found"
        assert await seen(OWNER, "0" * 32) == "image_not_found"


def test_sharing_hears_says_and_answers_what_the_contracts_say() -> None:
    commands = {kind for kind in REPLIES if issubclass(kind, Command) and kind.subject().startswith("command.sharing.")}
    assert set(reactions(SETTINGS)) == set(HEARS[Speaker.SHARING]) | commands
    assert set(QUERIES) == {kind for kind in REPLIES if kind.subject().startswith("query.sharing.")}
    world = World()
    for verb, who in (("offer", OWNER), ("accept", MEMBER_), ("reject", MEMBER_), ("revoke", OWNER)):
        world.do(verb, who)
    assert {type(one.event) for one in world.emitted} == set(SPEAKERS[Speaker.SHARING])
    assert definition(SETTINGS).name is Speaker.SHARING
