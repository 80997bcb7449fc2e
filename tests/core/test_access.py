"""Who may do what with another tenant's things: the one decision that catalog and replicator share (features.md E)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.hub import (
    GalleryShared,
    RolesGranted,
    ShareAccepted,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
)
from contracts.principals import above
from contracts.requests import Actor
from core.driver import START, Driver
from runtime import access
from runtime.access import ACCESS
from runtime.shared import KEPT

IMAGE, VERSION, GALLERY = "a" * 32, "b" * 32, "c" * 32
BETA = Actor(tenant="beta", name="bob", roles=("owner",), principals=above("beta", "bees", "corp/eu"))
OWN = Actor(tenant="acme", name="ann", roles=("owner",))
STRANGER = Actor(tenant="gamma", name="gil", roles=("owner",))


class Known(Driver):
    """A service that keeps what sharing says, and nothing else."""

    def __init__(self) -> None:
        super().__init__(access.reactions())

    def tell(self, *events: Any) -> "Known":
        for event in events:
            self.pass_time(1)
            self.say(event, "sharing")
        return self

    def may(self, actor: Actor, **given: Any) -> set[str]:
        about = {"tenant": "acme", "image": IMAGE, "gallery": "lab", **given}
        return set(access.rights(self.get, actor, **about))

    def answered(self, actor: Actor) -> str:
        return access.answered(self.get(ACCESS, access.image_key(IMAGE)), actor)


def offered(member: str = "beta", revision: int = 1, **given: Any) -> ShareOffered:
    return ShareOffered(image=IMAGE, member=member, owner="acme", revision=revision, **given)


def revoked(member: str = "beta", revision: int = 2) -> ShareRevoked:
    return ShareRevoked(image=IMAGE, member=member, owner="acme", revision=revision)


def accepted(revision: int, member: str = "beta") -> ShareAccepted:
    return ShareAccepted(image=IMAGE, member=member, owner="acme", revision=revision)


def rejected(revision: int, *, blocks: bool = False) -> ShareRejected:
    return ShareRejected(image=IMAGE, member="beta", owner="acme", blocks=blocks, revision=revision)


def shared(sharing: Any, *members: str, revision: int = 1, gallery: str = GALLERY) -> GalleryShared:
    return GalleryShared(
        gallery=gallery, tenant="acme", name="lab", sharing=sharing, members=members, revision=revision
    )


def granted(scope: Any, principal: str, *roles: Any, revision: int = 1, target: str = "") -> RolesGranted:
    targets = {"gallery": GALLERY, "image": IMAGE, "version": VERSION}
    return RolesGranted(
        scope=scope,
        target=target or targets[scope],
        tenant="acme",
        image=IMAGE if scope == "version" else "",
        name="lab" if scope == "gallery" else "",
        principal=principal,
        roles=roles,
        revision=revision,
    )


def test_nothing_that_sharing_said_means_that_an_image_is_not_there_for_others() -> None:
    assert Known().may(OWN) == {"read", "publish", "share", "manage"}
    assert Known().may(STRANGER) == set()


def test_an_actor_without_roles_may_nothing_even_at_home() -> None:
    nobody = Actor(tenant="acme", name="new")
    assert Known().may(nobody) == set()
    guest = Actor(tenant="beta", name="new")
    assert Known().tell(offered(), shared("community")).may(guest, public=True) == set()


def test_an_operator_may_what_he_likes_with_the_standard_class_and_nothing_with_images_of_tenants() -> None:
    root = Actor(tenant="house", name="root", roles=("operator",))
    assert Known().may(root) == set()
    assert "manage" in Known().may(root, public=True)
    assert Known().may(STRANGER, public=True) == {"read"}


@pytest.mark.parametrize("member", ["beta", "account:bees", "org:corp", "org:corp/eu"])
def test_e4_an_offer_to_the_tenant_its_account_or_a_unit_above_it_gives_the_right_to_read(member: str) -> None:
    known = Known().tell(offered(member))
    assert known.may(BETA) == {"read"}
    assert known.may(STRANGER) == set()
    moved = Actor(tenant="beta", name="bob", roles=("owner",), principals=above("beta"))
    assert known.may(moved) == ({"read"} if member == "beta" else set())


def test_e1_e2_a_member_reads_before_and_after_any_answer_and_changes_it_as_it_likes() -> None:
    known = Known().tell(offered())
    assert (known.answered(BETA), known.may(BETA)) == ("PENDING", {"read"})
    known.tell(accepted(2))
    assert known.answered(BETA) == "ACCEPTED"
    known.tell(rejected(3))
    assert (known.answered(BETA), known.may(BETA)) == ("REJECTED", {"read"})
    known.tell(accepted(4))
    assert known.answered(BETA) == "ACCEPTED"


def test_e2_by_policy_a_rejection_blocks_use_until_the_tenant_accepts_or_is_offered_it_anew() -> None:
    known = Known().tell(offered(), rejected(2, blocks=True))
    assert known.may(BETA) == set()
    assert known.tell(accepted(3)).may(BETA) == {"read"}
    known.tell(rejected(4, blocks=True))
    assert known.tell(offered("org:corp", revision=5)).may(BETA) == {"read"}
    known.tell(revoked("org:corp", revision=6))
    assert known.may(BETA) == set()
    known.tell(revoked(revision=7), offered(revision=8))
    assert (known.answered(BETA), known.may(BETA)) == ("PENDING", {"read"})


def test_e5_after_the_removal_nothing_is_left_and_a_new_offer_waits_for_an_answer_of_its_own() -> None:
    known = Known().tell(offered(), accepted(2), revoked(revision=3))
    assert (known.answered(BETA), known.may(BETA)) == ("", set())
    known.tell(offered(revision=4))
    assert (known.answered(BETA), known.may(BETA)) == ("PENDING", {"read"})


def test_an_offer_that_is_told_again_with_another_end_keeps_its_answer() -> None:
    known = Known().tell(offered(), accepted(2), offered(revision=3, until=START + timedelta(days=9)))
    assert known.answered(BETA) == "ACCEPTED"


def test_one_removal_takes_nothing_of_another_offer() -> None:
    known = Known().tell(offered("org:corp"), accepted(2), offered("beta", 3), revoked("beta", 4))
    assert (known.answered(BETA), known.may(BETA)) == ("ACCEPTED", {"read"})


def test_b4_while_the_owner_keeps_an_image_to_himself_no_offer_holds_and_grants_do() -> None:
    known = Known().tell(offered(), accepted(2), ShareSuspended(image=IMAGE, owner="acme", revision=3))
    assert (known.answered(BETA), known.may(BETA)) == ("", set())
    known.tell(granted("image", "user:beta/bob", "reader"))
    bob = Actor(tenant="beta", name="bob", roles=("owner",), principals=("beta", "user:beta/bob"))
    assert known.may(bob) == {"read"}
    known.tell(ShareResumed(image=IMAGE, owner="acme", revision=4))
    assert (known.answered(BETA), known.may(BETA)) == ("ACCEPTED", {"read"})


def test_e7_a_token_that_was_made_for_less_gives_no_more_of_what_was_granted_by_name() -> None:
    known = Known().tell(granted("image", "user:beta/bob", "owner"), granted("gallery", "group:beta/devs", "publisher"))
    names = ("beta", "user:beta/bob", "group:beta/devs")
    bob = Actor(tenant="beta", name="bob", roles=("reader",), principals=names)
    assert known.may(bob) == {"read", "publish", "share", "manage"}
    assert known.may(Actor(tenant="beta", name="bob", roles=("reader",), principals=names, bounded=True)) == {"read"}


def test_e7_a_gallery_is_open_to_its_groups_or_to_everybody() -> None:
    known = Known().tell(shared("groups", "account:bees"))
    assert (known.may(BETA), known.may(STRANGER)) == ({"read"}, set())
    known.tell(shared("community", revision=2))
    assert (known.may(BETA), known.may(STRANGER)) == ({"read"}, {"read"})
    known.tell(shared("private", revision=3))
    assert (known.may(BETA), known.may(STRANGER)) == (set(), set())
    assert known.may(BETA, gallery="other") == set()


@pytest.mark.parametrize(
    ("scope", "about"),
    [
        ("gallery", {"image": "f" * 32}),
        ("gallery", {}),
        ("image", {}),
        ("image", {"version": "f" * 32}),
        ("version", {"version": VERSION}),
    ],
)
def test_e7_a_role_holds_on_what_it_was_granted_on_and_on_what_is_in_it(scope: str, about: dict[str, str]) -> None:
    known = Known().tell(granted(scope, "group:beta/devs", "publisher"))
    dev = Actor(tenant="beta", name="dee", roles=("reader",), principals=("beta", "user:beta/dee", "group:beta/devs"))
    assert known.may(dev, **about) == {"read", "publish"}
    assert known.may(BETA, **about) == set()
    known.tell(granted(scope, "group:beta/devs", revision=2))
    assert known.may(dev, **about) == set()


def test_a_grant_on_a_version_says_nothing_of_its_image() -> None:
    known = Known().tell(granted("version", "beta", "reader"))
    assert (known.may(BETA), known.may(BETA, version="f" * 32)) == (set(), set())


def test_what_is_granted_to_a_whole_tenant_gives_nobody_in_it_more_than_he_may_at_home() -> None:
    known = Known().tell(granted("image", "beta", "owner"))
    reader = Actor(tenant="beta", name="rea", roles=("reader",))
    assert known.may(reader) == {"read"}
    assert known.may(BETA) == {"read", "publish", "share", "manage"}


def test_a_grant_adds_to_the_roles_that_somebody_has_in_the_tenant_itself() -> None:
    known = Known().tell(granted("gallery", "user:acme/rea", "publisher"))
    rea = Actor(tenant="acme", name="rea", roles=("reader",), principals=("acme", "user:acme/rea"))
    assert known.may(rea) == {"read", "publish"}
    assert known.may(rea, gallery="other") == {"read"}


@pytest.mark.parametrize(
    ("first", "stale"),
    [
        ([offered(), revoked()], offered()),
        ([revoked()], offered()),
        ([offered(), accepted(2), rejected(3, blocks=True)], accepted(2)),
        ([shared("private", revision=2)], shared("community")),
        ([granted("image", "beta", revision=2)], granted("image", "beta", "owner")),
        ([granted("version", "beta", revision=2)], granted("version", "beta", "owner")),
        (
            [offered(), ShareSuspended(image=IMAGE, owner="acme", revision=3)],
            ShareResumed(image=IMAGE, owner="acme", revision=2),
        ),
    ],
)
def test_a_word_that_comes_late_changes_nothing(first: list[Any], stale: Any) -> None:
    known = Known().tell(*first)
    before = dict(known.documents)
    known.tell(stale)
    assert known.documents == before
    assert known.may(BETA, version=VERSION) == set()


def test_an_answer_counts_by_the_order_of_words_whatever_the_clock_says() -> None:
    known = Known().tell(offered())
    known.now -= timedelta(hours=1)
    assert known.tell(accepted(2)).answered(BETA) == "ACCEPTED"


def test_a_document_does_not_grow_with_everything_that_ever_was() -> None:
    known = Known().tell(offered("gamma"), accepted(2, "gamma"))
    for number in range(3, 600, 3):
        member = f"tenant-{number}"
        known.tell(offered(member, number), accepted(number + 1, member), revoked(member, number + 2))
    for number in range(1, 400, 2):
        version = f"{number:032x}"
        known.tell(granted("image", f"user:beta/u{number}", "reader", revision=number))
        known.tell(granted("image", f"user:beta/u{number}", revision=number + 1))
        known.tell(
            granted("version", "beta", "reader", target=version), granted("version", "beta", revision=2, target=version)
        )
    image = known.get(ACCESS, access.image_key(IMAGE))
    assert image is not None
    assert (len(image.offers), len(image.grants), len(image.versions)) == (KEPT + 1, KEPT, KEPT)
    assert image.answers.keys() == {"gamma"}
    assert access.answered(image, STRANGER) == "ACCEPTED"
    newest = list(known.documents.items())
    assert list(known.tell(offered("tenant-597", 597)).documents.items()) == newest, "what ended last is not revived"


def test_another_gallery_of_the_same_name_begins_with_nothing() -> None:
    known = Known().tell(shared("community", revision=7), granted("gallery", "beta", "owner"))
    known.tell(granted("gallery", "gamma", "reader", target="d" * 32))
    assert known.may(BETA) == set()
    assert known.may(STRANGER) == {"read"}


def test_the_documents_read_are_two() -> None:
    assert [ref.id for ref in access.refs(IMAGE, "acme", "lab")] == [f"i/{IMAGE}", "g/acme/lab"]
