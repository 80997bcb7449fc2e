"""How offers end, rest and are bounded: expiry, grace, suspension, the policy of scopes (features.md b.4, E5, E12)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.hub import ShareOffered, ShareRevoked, VersionDeleted
from contracts.requests import Done
from core.driver import START
from core.sharing_world import BASE, BETA, SETTINGS, World, actor, codes, deployed, version_id, words
from runtime import access
from sharing.settings import SharingSettings


def test_an_offer_ends_by_itself() -> None:
    world = World()
    until = world.now + timedelta(hours=2)
    world.offer("beta", "gamma", until=until, message="for the course")
    world.accept()
    event = world.events()[0]
    assert isinstance(event, ShareOffered)
    assert (event.until, event.message) == (until, "for the course")
    assert world.pass_time(7000) == []
    over = world.events(world.pass_time(3600))
    assert [(one.member, one.reason) for one in over if isinstance(one, ShareRevoked)] == [
        ("beta", "expired"),
        ("gamma", "expired"),
    ]
    assert (world.state(), world.accept().code) == ("REVOKED", "share_not_found")


def test_an_offer_is_prolonged_by_offering_again_with_another_end() -> None:
    world = World()
    first, later = (world.now + timedelta(hours=hours) for hours in (1, 5))
    world.offer(until=first)
    world.accept()
    assert codes(world.offer(until=first).items) == ["member_exists"]
    assert codes(world.offer(until=later).items) == ["ACCEPTED"]
    assert world.pass_time(7200) == []
    assert codes(world.offer().items) == ["ACCEPTED"], "and without an end it has none any more"
    assert world.pass_time(86400) == []
    assert world.state() == "ACCEPTED"
    assert world.reminders == {}


def test_an_end_that_has_passed_is_refused() -> None:
    world = World()
    assert world.offer(until=START - timedelta(seconds=1)).code == "validation_failed"


def test_e5_with_a_grace_the_offer_holds_on_and_everybody_is_told_when_it_ends() -> None:
    world = World()
    world.offer()
    world.accept()
    said = len(world.emitted)
    assert codes(world.revoke(grace=1.0).items) == ["ACCEPTED"]
    told = world.events(world.emitted[said:])
    assert [(type(one), one.until) for one in told] == [(ShareOffered, world.now + timedelta(hours=1))]
    assert world.pass_time(3599) == []
    assert [one.reason for one in world.events(world.pass_time(1))] == ["removed"]
    assert world.state() == "REVOKED"


def test_e5_a_grace_is_taken_back_by_offering_again_and_cut_short_by_revoking_at_once() -> None:
    world = World()
    world.offer("beta", "gamma")
    world.revoke("beta", "gamma", grace=1.0)
    assert codes(world.offer("beta").items) == ["PENDING"]
    assert codes(world.revoke("gamma").items) == ["REVOKED"]
    assert world.pass_time(7200) == []
    assert (world.state("beta"), world.state("gamma")) == ("PENDING", "REVOKED")


def test_e5_a_grace_never_goes_beyond_the_end_of_the_offer_or_the_policy() -> None:
    world = World()
    until = world.now + timedelta(hours=2)
    world.offer(until=until)
    world.revoke(grace=24.0)
    assert world.events()[-1].until == until
    assert world.revoke(grace=SETTINGS.max_grace_hours + 1).code == "validation_failed"


def test_b4_a_suspended_image_is_nobodys_until_it_is_shared_again_and_offers_are_kept() -> None:
    world = World()
    world.offer("beta", "gamma")
    world.accept()
    assert world.suspend() == Done()
    assert world.suspend() == Done()
    assert words(world.emitted)[3:] == ["share.suspended"]
    assert world.accept().code == "share_not_found"
    assert world.offer(who=BETA, images=(BASE,)).items[0].code == "image_not_found"
    assert codes(world.revoke("gamma").items) == ["REVOKED"]
    assert world.resume() == Done()
    assert words(world.emitted)[5:] == ["share.resumed"]
    assert world.state() == "ACCEPTED"


def test_e6_an_encrypted_version_of_an_offered_image_reaches_nobody_else() -> None:
    world = World()
    world.offer("beta", "account:group")
    world.accept()
    secret = deployed(number="1.1.0", traits=("encrypted",))
    world.catalog(secret)
    assert words(world.emitted)[3:] == ["share.suspended"]
    for who in (BETA, actor("delta", account="group")):
        assert access.rights(world.get, who, tenant="acme", image=BASE, gallery="lab") == frozenset()
    world.catalog(deployed(number="1.2.0", traits=("encrypted",)))
    assert world.resume().code == "not_shareable_encrypted"
    assert words(world.emitted)[4:] == []
    for number in ("1.1.0", "1.2.0"):
        version = version_id(BASE, number)
        world.catalog(VersionDeleted(version=version, image=BASE, number=number, tenant="acme", revision=9))
    assert world.resume() == Done()
    assert (words(world.emitted)[4:], world.state()) == (["share.resumed"], "ACCEPTED")


def test_e6_an_encrypted_version_of_what_nobody_was_offered_or_that_is_gone_is_no_word_to_anybody() -> None:
    world = World()
    world.catalog(deployed(number="1.1.0", traits=("encrypted",)))
    assert world.emitted == []
    other = World()
    other.offer()
    gone = VersionDeleted(version=version_id(BASE, "1.1.0"), image=BASE, number="1.1.0", tenant="acme", revision=9)
    other.catalog(gone, deployed(number="1.1.0", traits=("encrypted",)))
    assert words(other.emitted) == ["share.offered"]


def test_e6_offers_that_rest_already_rest_on() -> None:
    world = World()
    world.offer()
    world.suspend()
    world.catalog(deployed(number="1.1.0", traits=("encrypted",)))
    assert words(world.emitted) == ["share.offered", "share.suspended"]
    assert world.resume().code == "not_shareable_encrypted"


SCOPES = [
    # policy, member, whether acme (account group, unit corp/eu) may
    ("anywhere", "stranger", True),
    ("organisation", "near", True),
    ("organisation", "far", True),
    ("organisation", "stranger", False),
    ("organisation", "nobody", False),
    ("organisation", "account:elsewhere", True),
    ("organisation", "account:foreign", False),
    ("organisation", "org:corp", True),
    ("organisation", "org:other/eu", False),
    ("account", "near", True),
    ("account", "far", False),
    ("account", "account:group", True),
    ("account", "account:elsewhere", False),
    ("account", "account:acme", False),
    ("account", "org:corp/eu", False),
]


@pytest.mark.parametrize(("policy", "member", "may"), SCOPES)
def test_e12_the_policy_draws_the_boundary(policy: Any, member: str, may: bool) -> None:
    world = World(settings=SharingSettings(data="", share_scope=policy))
    world.home("acme", "group", "corp/eu")
    world.home("near", "group", "corp/eu")
    world.home("far", "elsewhere", "corp/us")
    world.home("stranger", "foreign", "other/eu")
    assert codes(world.offer(member).items) == ["PENDING" if may else "share_scope"]


@pytest.mark.parametrize("policy", ["organisation", "account"])
def test_e12_who_belongs_to_nothing_shares_with_nobody(policy: Any) -> None:
    world = World(settings=SharingSettings(data="", share_scope=policy))
    world.home("lonely", "single")
    assert codes(world.offer("lonely", "nobody", "org:corp").items) == ["share_scope"] * 3
