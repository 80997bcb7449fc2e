"""Answers to what is offered to a tenant, to its account or organisation; deliveries (features.md b.4, E2, E4)."""

from pathlib import Path
from typing import Any

import pytest

from contracts.events.hub import ShareDeliveryRequested, ShareRejected
from contracts.requests import AnswerOffer, GetShare, ShareView
from core.driver import Driver
from core.sharing_world import ACME, BASE, BETA, SETTINGS, World, actor, words
from runtime import access
from sharing.documents import OFFER, offer_key
from sharing.domain.offer import Standing
from sharing.queries import QUERIES
from sharing.settings import SharingSettings

SALES = actor("delta", account="other", unit="corp/eu/sales")
LEFT = actor("beta")
"""Beta without its account and its unit."""


def counts(world: World, member: str) -> tuple[int, int]:
    offer = world.get(OFFER, offer_key(BASE, member))
    assert isinstance(offer, Standing)
    return offer.accepted, offer.rejected


def test_e4_everybody_below_a_unit_is_offered_what_it_is_and_each_tenant_answers_for_itself() -> None:
    world = World()
    world.offer("org:corp/eu")
    assert world.accept(BETA).via == "org:corp/eu"
    assert world.reject(SALES).state == "REJECTED"
    assert counts(world, "org:corp/eu") == (1, 1)
    assert world.accept(actor("eta", account="x", unit="corp/us")).code == "share_not_found"
    assert world.accept(actor("eta", account="x", unit="corp/europe")).code == "share_not_found"
    assert [(event.member, type(event).words()) for event in world.events()[1:]] == [
        ("beta", "share.accepted"),
        ("delta", "share.rejected"),
    ]


def test_e4_a_tenant_that_leaves_its_organisation_loses_what_was_offered_to_that_and_finds_it_again() -> None:
    world = World()
    world.offer("org:corp")
    world.accept(BETA)
    assert world.reject(LEFT).code == "share_not_found"
    assert world.accept(BETA).state == "ACCEPTED"
    assert words(world.emitted) == ["share.offered", "share.accepted"]


def test_an_answer_counts_once_on_each_offer_that_it_was_given_to() -> None:
    world = World()
    world.offer("org:corp", "account:group", "beta")
    assert world.accept().via == "beta"
    assert [counts(world, one) for one in ("org:corp", "account:group", "beta")] == [(1, 0)] * 3
    world.reject()
    assert [counts(world, one) for one in ("org:corp", "account:group", "beta")] == [(0, 1)] * 3
    world.revoke("account:group")
    world.offer("account:group")
    world.accept()
    assert [counts(world, one) for one in ("org:corp", "account:group", "beta")] == [(1, 0)] * 3


def test_an_answer_holds_as_long_as_one_of_the_offers_does_that_it_was_given_to() -> None:
    world = World()
    world.offer("beta", "org:corp")
    world.accept()
    world.revoke("beta")
    assert world.accept().via == "org:corp"
    assert words(world.emitted)[2:] == ["share.accepted", "share.revoked"], "it has accepted already"
    world.offer("beta")
    assert world.accept().via == "beta"
    world.revoke("beta", "org:corp")
    world.offer("org:corp")
    assert world.state("org:corp") == "PENDING"
    assert counts(world, "org:corp") == (0, 0)
    said = len(world.emitted)
    world.accept()
    assert words(world.emitted[said:]) == ["share.accepted"]
    assert counts(world, "org:corp") == (1, 0)


@pytest.mark.parametrize("blocks", [False, True])
def test_b4_by_policy_a_rejection_blocks_the_use_by_id(blocks: bool) -> None:
    world = World(settings=SharingSettings(data="", reject_blocks_use=blocks))
    world.offer()
    world.reject()
    said = world.events()[-1]
    assert isinstance(said, ShareRejected)
    assert said.blocks is blocks
    rights = access.rights(world.get, BETA, tenant="acme", image=BASE, gallery="lab")
    assert rights == (frozenset() if blocks else {"read"})
    assert world.accept().state == "ACCEPTED", "it can change its mind all the same"
    assert access.rights(world.get, BETA, tenant="acme", image=BASE, gallery="lab") == {"read"}


def test_what_is_said_is_what_others_decide_by() -> None:
    """A read model that hears the words decides as sharing itself."""
    world, listener = World(), Driver(access.reactions())
    world.offer("beta", "org:corp")
    world.accept()
    world.revoke("beta")
    world.suspend()
    world.resume()
    world.reject(SALES)
    for one in world.emitted:
        listener.now = one.at
        listener.say(one.event, "sharing")
    assert listener.all(access.ACCESS) == world.all(access.ACCESS)


def test_an_acceptance_asks_for_a_delivery_as_a_saga_of_its_own() -> None:
    world = World()
    world.offer()
    view = world.accept(pods=("pod-2", "pod-3", "pod-2"), number="1.0")
    assert isinstance(view, ShareView)
    said = world.emitted[-1]
    event = said.event
    assert isinstance(event, ShareDeliveryRequested)
    assert said.saga == event.delivery == view.job
    assert (event.image, event.number, event.member, event.owner) == (BASE, "1.0.0", "beta", "acme")
    assert (event.actor, event.pods, event.principals) == ("someone", ("pod-2", "pod-3"), BETA.principals)
    again = world.accept(pods=("pod-4",))
    assert again.job not in ("", view.job)
    assert words(world.emitted)[2:] == ["share.delivery_requested"] * 2
    assert world.accept().job == ""


@pytest.mark.parametrize(
    ("answer", "fields", "code"),
    [
        ("reject", {"pods": ("pod-1",)}, "validation_failed"),
        ("accept", {"number": "1.0.0"}, "validation_failed"),
        ("accept", {"pods": ("pod-1",), "number": "newest"}, "version_number_invalid"),
    ],
)
def test_a_delivery_that_makes_no_sense_is_refused(answer: str, fields: dict[str, Any], code: str) -> None:
    world = World()
    world.offer()
    assert world.command(AnswerOffer, BETA, image=BASE, answer=answer, **fields).code == code
    assert world.state() == "PENDING"


async def test_e1_the_member_sees_whose_the_image_is_and_how_the_offer_stands(tmp_path: Path) -> None:
    world = World()
    world.offer("beta", "org:corp", message="golden image of May")
    world.accept()
    async with world.stored(tmp_path) as reader:
        view = await QUERIES[GetShare](GetShare(actor=BETA, image=BASE), reader)
        assert isinstance(view, ShareView)
        assert (view.owner, view.gallery, view.name, view.state) == ("acme", "lab", "base", "ACCEPTED")
        assert (view.via, view.message, view.revision) == ("beta", "golden image of May", 3)
        assert view.updated > view.offered
        theirs: Any = await QUERIES[GetShare](GetShare(actor=actor("eta"), image=BASE), reader)
        none: Any = await QUERIES[GetShare](GetShare(actor=actor("eta"), image="0" * 32), reader)
        own: Any = await QUERIES[GetShare](GetShare(actor=ACME, image=BASE), reader)
    assert {theirs.code, none.code, own.code} == {"share_not_found"}
    assert theirs.detail.replace(BASE, "") == none.detail.replace("0" * 32, "")


def test_settings_are_those_of_the_reference() -> None:
    plain = SharingSettings(data="")
    assert (plain.max_members, plain.max_group_tenants, plain.max_group_accounts) == (128, 30, 5)
    assert SETTINGS.reject_blocks_use is False
