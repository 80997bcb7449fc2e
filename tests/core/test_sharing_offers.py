"""Offers of images: who may do what to whom in which state (features.md b.4, E1 to E6, E11 to E13)."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.errors import Problem
from contracts.events import SPEAKERS, Speaker
from contracts.events.hub import (
    ImageDeleted,
    ImageDisabled,
    ImageEnabled,
    ShareOffered,
    ShareRevoked,
    VersionDeleted,
    VersionPartiallyAvailable,
    VersionWithdrawn,
)
from contracts.requests import REPLIES, Actor, AnswerOffer, Command, OfferImages, SetGrant
from contracts.requests.sharing import MOST_PAIRS
from contracts.topology import HEARS
from core.driver import START, Driver
from core.sharing_world import (
    ACME,
    BASE,
    BETA,
    GAMMA,
    SETTINGS,
    TOOLS,
    World,
    actor,
    available,
    codes,
    deployed,
    registered,
    version_id,
    words,
)
from sharing.definition import definition
from sharing.documents import IMAGE
from sharing.handlers import reactions

REACH: dict[str | None, list[tuple[str, Actor]]] = {
    None: [],
    "PENDING": [("offer", ACME)],
    "ACCEPTED": [("offer", ACME), ("accept", BETA)],
    "REJECTED": [("offer", ACME), ("reject", BETA)],
    "REVOKED": [("offer", ACME), ("accept", BETA), ("revoke", ACME)],
}
READABLE = ("PENDING", "ACCEPTED", "REJECTED")
TABLE: list[tuple[str | None, str, Actor, str | None, str]] = [
    # from, verb, who, to (None: as before), event or refusal
    (None, "offer", ACME, "PENDING", "share.offered"),
    ("PENDING", "offer", ACME, None, "member_exists"),
    ("ACCEPTED", "offer", ACME, None, "member_exists"),
    ("REJECTED", "offer", ACME, None, "member_exists"),
    ("REVOKED", "offer", ACME, "PENDING", "share.offered"),
    (None, "revoke", ACME, None, "member_not_found"),
    *[(state, "revoke", ACME, "REVOKED", "share.revoked") for state in READABLE],
    ("REVOKED", "revoke", ACME, None, "member_not_found"),
    (None, "accept", BETA, None, "share_not_found"),
    ("PENDING", "accept", BETA, "ACCEPTED", "share.accepted"),
    ("PENDING", "reject", BETA, "REJECTED", "share.rejected"),
    ("ACCEPTED", "accept", BETA, None, ""),
    ("ACCEPTED", "reject", BETA, "REJECTED", "share.rejected"),
    ("REJECTED", "accept", BETA, "ACCEPTED", "share.accepted"),
    ("REJECTED", "reject", BETA, None, ""),
    ("REVOKED", "accept", BETA, None, "share_not_found"),
    ("REVOKED", "reject", BETA, None, "share_not_found"),
    *[(state, verb, ACME, None, "forbidden") for state in REACH for verb in ("accept", "reject")],
    *[(state, verb, GAMMA, None, "share_not_found") for state in REACH for verb in ("accept", "reject")],
    *[(state, verb, GAMMA, None, "image_not_found") for state in REACH for verb in ("offer", "revoke", "suspend")],
    *[(state, verb, BETA, None, "image_not_found") for state in (None, "REVOKED") for verb in ("offer", "revoke")],
    *[(state, verb, BETA, None, "reshare_forbidden") for state in READABLE for verb in ("offer", "revoke", "suspend")],
]


@pytest.mark.parametrize(("state", "verb", "who", "to", "outcome"), TABLE)
def test_e2_b4_every_step_of_every_party_in_every_state(
    state: str | None, verb: str, who: Actor, to: str | None, outcome: str
) -> None:
    world = World()

    def do(verb: str, who: Actor) -> str:
        reply = getattr(world, verb)(who=who)
        if isinstance(reply, Problem):
            assert reply.hint
            return reply.code
        pairs = getattr(reply, "items", ())
        assert all(pair.hint for pair in pairs if pair.code)
        return next((pair.code for pair in pairs), "")

    for step, party in REACH[state]:
        assert do(step, party) == ""
    assert world.state() == state
    before, said = dict(world.documents), len(world.emitted)
    refused = do(verb, who)
    assert (refused or "".join(words(world.emitted[said:]))) == outcome
    if to is None:
        assert world.documents == before
    else:
        assert world.state() == to


def test_e2_the_words_about_an_image_have_one_count_of_revisions() -> None:
    world = World()
    world.offer("beta", "gamma")
    world.accept()
    world.suspend()
    world.resume()
    world.reject()
    world.revoke()
    world.offer()
    assert [event.revision for event in world.events()] == list(range(1, 9))
    assert {event.owner for event in world.events()} == {"acme"}


def test_revisions_are_above_the_floor_of_a_restored_database() -> None:
    world = World()
    world.floor = 1000
    world.offer()
    world.accept()
    assert [event.revision for event in world.events()] == [1001, 1002]


def test_e3_three_images_to_four_members_have_twelve_results_and_failures_hinder_no_other_pair() -> None:
    world = World()
    world.catalog(registered(TOOLS, "tools"), deployed(TOOLS), available(TOOLS))
    world.catalog(registered("3" * 32, "bare"))
    world.offer("beta")
    reply = world.offer("beta", "acme", "account:group", "org:corp/eu", images=("lab/base", TOOLS, "lab/bare"))
    assert codes(reply.items) == [
        *("member_exists", "principal_invalid", "PENDING", "PENDING"),
        *("PENDING", "principal_invalid", "PENDING", "PENDING"),
        *("not_shareable_unavailable", "principal_invalid", "not_shareable_unavailable", "not_shareable_unavailable"),
    ]
    assert [pair.image for pair in reply.items[::4]] == ["lab/base", TOOLS, "lab/bare"]
    assert words(world.emitted[1:]) == ["share.offered"] * 5
    back = world.revoke("beta", "org:corp/eu", "nobody", images=(BASE, "lab/nothing"))
    assert codes(back.items) == ["REVOKED", "REVOKED", "member_not_found", *["image_not_found"] * 3]


def test_e3_a_batch_of_too_many_pairs_is_refused_whole() -> None:
    world = World()
    members = tuple(f"tenant-{n}" for n in range(100))
    images = (BASE, *(f"lab/image-{n}" for n in range(MOST_PAIRS // 100)))
    for verb in (world.offer, world.revoke):
        assert verb(*members, images=images).code == "validation_failed"
    assert world.emitted == []


def test_e13_nobody_shares_without_saying_that_there_are_no_secrets() -> None:
    world = World()
    assert world.offer(acknowledged=False).code == "acknowledgement_required"
    assert world.emitted == []


def broken(*events: Any) -> Callable[[World], None]:
    return lambda world: world.catalog(*events)


SHAREABLE: list[tuple[str, Callable[[World], None], str]] = [
    ("as it is", broken(), "PENDING"),
    ("encrypted", broken(deployed(number="1.1.0", traits=("encrypted",))), "not_shareable_encrypted"),
    (
        "was encrypted",
        broken(
            deployed(number="1.1.0", traits=("encrypted",)),
            VersionDeleted(version=version_id(BASE, "1.1.0"), image=BASE, number="1.1.0", tenant="acme", revision=9),
        ),
        "PENDING",
    ),
    ("market", broken(registered(market=True)), "not_shareable_market"),
    ("standard", broken(registered(image_class="standard")), "not_shareable_class"),
    ("capsule", broken(registered(image_class="capsule")), "PENDING"),
    ("disabled", broken(ImageDisabled(image=BASE, tenant="acme", revision=8)), "not_shareable"),
    (
        "enabled",
        broken(
            ImageDisabled(image=BASE, tenant="acme", revision=8), ImageEnabled(image=BASE, tenant="acme", revision=9)
        ),
        "PENDING",
    ),
    (
        "unpublished",
        broken(
            VersionWithdrawn(
                version=version_id(BASE, "1.0.0"),
                image=BASE,
                number="1.0.0",
                tenant="acme",
                publication=1,
                reason="unpublished",
                revision=8,
            )
        ),
        "not_shareable_unavailable",
    ),
    (
        "without a version",
        broken(
            VersionDeleted(version=version_id(BASE, "1.0.0"), image=BASE, number="1.0.0", tenant="acme", revision=9)
        ),
        "not_shareable_unavailable",
    ),
    ("deleted", broken(ImageDeleted(image=BASE, tenant="acme", revision=9)), "image_not_found"),
    ("suspended", lambda world: world.suspend(), "not_shareable"),
]


@pytest.mark.parametrize(("what", "change", "outcome"), SHAREABLE, ids=[row[0] for row in SHAREABLE])
def test_e6_what_cannot_be_shared_is_refused_with_its_own_code(
    what: str, change: Callable[[World], None], outcome: str
) -> None:
    world = World()
    change(world)
    reply = world.offer()
    assert codes(reply.items) == [outcome]


def test_e6_an_image_can_be_shared_once_a_version_is_available_somewhere() -> None:
    world = World(ready=False)
    world.catalog(deployed())
    assert codes(world.offer().items) == ["not_shareable_unavailable"]
    version = version_id(BASE, "1.0.0")
    world.catalog(
        VersionPartiallyAvailable(
            version=version, image=BASE, number="1.0.0", tenant="acme", available=1, failed=1, skipped=0, revision=7
        )
    )
    assert codes(world.offer().items) == ["PENDING"]


def test_what_the_catalog_says_of_an_image_may_come_in_any_order_and_again() -> None:
    ends = set()
    for order in itertools.permutations(
        [registered(), deployed(traits=("encrypted",)), available(), available("1" * 32, "1.1.0")]
    ):
        world = Driver(reactions(SETTINGS))
        for event in (*order, *order):
            world.say(event, "catalog")
        ends.add(tuple(sorted(world.documents.items())))
        assert world.emitted == []
    assert len(ends) == 1
    image = world.get(IMAGE, BASE)
    assert image is not None
    assert (image.owner, image.name, image.available, image.encrypted, image.members) == ("acme", "base", 2, 1, 0)


def test_e5_with_an_image_its_offers_end_and_the_members_are_told() -> None:
    world = World()
    world.offer("beta", "gamma", "org:corp", until=START + timedelta(hours=1))
    world.accept()
    world.revoke("gamma")
    for principal in ("user:beta/a", "user:beta/b"):
        world.command(SetGrant, ACME, image=BASE, principal=principal, roles=("reader",))
    said = len(world.emitted)
    world.catalog(ImageDeleted(image=BASE, tenant="acme", revision=9))
    events = world.events()[said:]
    assert [(type(one).words(), getattr(one, "member", "") or one.principal) for one in events] == [
        ("share.revoked", "beta"),
        ("share.revoked", "org:corp"),
        ("share.granted", "user:beta/a"),
        ("share.granted", "user:beta/b"),
    ]
    assert world.reminders == {}
    assert {kind for kind, _ in world.documents} & {"access", "grants"} == set()


@pytest.mark.parametrize("late", [registered(), deployed(number="1.1.0"), available(number="1.1.0")])
def test_a_deleted_image_is_there_for_nobody_any_more_and_its_name_is_free(late: Any) -> None:
    world = World()
    world.offer(until=START + timedelta(hours=1))
    world.accept()
    world.catalog(ImageDeleted(image=BASE, tenant="acme", revision=9), late)
    said = len(world.emitted)
    for image in (BASE, "lab/base"):
        assert codes(world.offer("delta", images=(image,)).items) == ["image_not_found"]
        assert codes(world.revoke(images=(image,)).items) == ["image_not_found"]
    for verb in (world.accept, world.reject):
        assert verb().code == "share_not_found"
    world.pass_time(7200)
    assert len(world.emitted) == said
    world.catalog(registered(TOOLS, "base"), deployed(TOOLS), available(TOOLS))
    assert codes(world.offer(images=("lab/base",)).items) == ["PENDING"]
    assert world.state("beta", TOOLS) == "PENDING"


def test_e11_an_image_has_no_more_members_than_allowed_and_a_revoked_one_makes_room() -> None:
    world = World()
    world.offer("beta", "account:group", "org:corp")
    reply = world.offer("eta")
    assert codes(reply.items) == ["member_limit"]
    world.revoke("account:group")
    assert codes(world.offer("eta").items) == ["PENDING"]
    assert codes(world.offer("theta").items) == ["member_limit"]


@pytest.mark.parametrize("image", ["0" * 32, "", "x/beta", f"{BASE}/beta", "\0", "lab/base"])
def test_an_image_that_does_not_exist_looks_like_one_that_is_not_yours(image: str) -> None:
    world = World()
    world.offer()
    theirs = world.accept(GAMMA)
    pair = world.offer(who=GAMMA).items[0]
    reply = world.accept(GAMMA, image)
    assert (reply.code, reply.hint, reply.data) == (theirs.code, theirs.hint, theirs.data)
    other = world.offer(who=GAMMA, images=(image,)).items[0]
    assert (other.code, other.hint) == (pair.code, pair.hint)
    assert other.detail.replace(repr(image), "") == pair.detail.replace(repr(BASE), "")


def test_who_has_no_role_for_it_offers_nothing_of_his_own_tenants() -> None:
    world = World()
    for role in ("reader", "publisher", "auditor"):
        assert codes(world.offer(who=actor("acme", role)).items) == ["forbidden"]
        assert world.suspend(who=actor("acme", role)).code == "forbidden"
    assert codes(world.offer(who=actor("acme", "sharer")).items) == ["PENDING"]
    assert world.accept(actor("beta", "publisher")).code == "forbidden"
    assert codes(world.offer("delta", who=actor("ops", "operator")).items) == ["image_not_found"]


def test_i5_the_audit_log_tells_who_offered_what_to_whom_and_who_answered() -> None:
    world = World(log=True)
    world.offer("beta", "gamma")
    world.accept()
    world.revoke("gamma", grace=1.0)
    world.pass_time(4000)
    rows = [
        (row[2], row[3], row[4], row[5], msgspec.json.decode(row[8])) for sql, row in world.writes if "audit" in sql
    ]
    offered = {"offered": "2024-01-01T00:00:01Z", "state": "OFFERED"}
    assert rows[-5:] == [
        ("acme", "someone", "offer", BASE, {"offers": {"beta": offered}}),
        ("acme", "someone", "offer", BASE, {"offers": {"gamma": offered}}),
        ("beta", "someone", "answer", BASE, {"accepted": True, "image": BASE, "tenant": "beta"}),
        ("acme", "someone", "revoke", BASE, {"offers": {"gamma": {"ending": True, "until": "2024-01-01T01:00:03Z"}}}),
        ("acme", "sharing", "offer.ends", BASE, {"offers": {"gamma": {"reason": "removed", "state": "REVOKED"}}}),
    ]


def test_sharing_hears_says_and_answers_what_the_contracts_say() -> None:
    made = definition(SETTINGS)
    commands = {kind for kind in REPLIES if issubclass(kind, Command) and kind.subject().startswith("command.sharing.")}
    assert {OfferImages, AnswerOffer} <= commands
    local = {kind for kind in made.reactions if kind.__module__.startswith("sharing.")}
    assert set(made.reactions) - local == set(HEARS[Speaker.SHARING]) | commands
    assert set(made.queries) == {kind for kind in REPLIES if kind.subject().startswith("query.sharing.")}
    assert {ShareOffered, ShareRevoked} <= set(SPEAKERS[Speaker.SHARING])
    assert made.name is Speaker.SHARING
