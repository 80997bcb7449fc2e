"""Who hears which event, by its type and by what it says, before anybody is asked about the thing that it is about."""

from pathlib import Path

import pytest

from contracts.events import EVENT_TYPES, Event
from contracts.requests import Actor
from contracts.topology import STREAM_OF
from contracts.views import Progress
from gateway.filters import Facts, facts
from gateway.hearing import HEARD_BY, NOTHING, Asked, asked, asked_of, steers
from gateway.progress import Report

GOLDEN = Path(__file__).parent.parent / "golden" / "events"
SAID = [kind for kind in EVENT_TYPES if STREAM_OF[kind] == "EVENTS"]
IMAGE, VERSION, POD = "i" * 32, "v" * 32, "pod-1"

OWNER = Actor(tenant="acme", name="ada", roles=("owner",))
READER = Actor(tenant="acme", name="ben", roles=("reader",))
NOBODY = Actor(tenant="acme", name="cyd")
MEMBER = Actor(
    tenant="bolt", name="dan", roles=("owner",), principals=("bolt", "account:b", "org:corp", "user:bolt/dan")
)
STRANGER = Actor(tenant="nowhere", name="eve", roles=("reader", "publisher", "sharer", "owner"))
AUDITOR = Actor(tenant="house", name="fay", roles=("auditor",))
OPERATOR = Actor(tenant="house", name="gil", roles=("operator",))


def golden(kind: type[Event]) -> Facts:
    """What the example of a type says."""
    found = facts("", (GOLDEN / f"{kind.type_name()}.json").read_bytes())
    assert found is not None
    return found


def test_e5_it_is_said_of_every_event_who_hears_it() -> None:
    assert set(HEARD_BY) == {kind.words() for kind in SAID}


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.type_name())
def test_e5_a_stranger_hears_nothing_that_is_not_about_something_that_he_may_know_of(kind: type[Event]) -> None:
    needed = asked(golden(kind), STRANGER)
    assert needed is None or needed != NOTHING


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.type_name())
def test_e5_an_event_that_names_nothing_is_for_operators_and_auditors(kind: type[Event]) -> None:
    empty = Facts(kind.type_name(), "")
    assert asked(empty, STRANGER) is None
    assert [asked(empty, one) for one in (AUDITOR, OPERATOR)] == [NOTHING, NOTHING]


@pytest.mark.parametrize("kind", SAID, ids=lambda kind: kind.type_name())
def test_e5_operators_and_auditors_hear_everything(kind: type[Event]) -> None:
    assert [asked(golden(kind), one) for one in (AUDITOR, OPERATOR)] == [NOTHING, NOTHING]


def test_e5_a_type_that_nobody_knows_is_for_operators_and_auditors() -> None:
    event = Facts("image.invented.v1", "", image=IMAGE, tenant="acme")
    assert asked(event, OWNER) is None
    assert asked(event, AUDITOR) == NOTHING


@pytest.mark.parametrize(
    ("event", "who", "needed"),
    [
        # images and versions: one's own, and those that one may know of
        (Facts("image.changed.v1", "", image=IMAGE, tenant="acme"), READER, NOTHING),
        (Facts("image.changed.v1", "", image=IMAGE, tenant="acme"), NOBODY, Asked(image=IMAGE)),
        (Facts("image.changed.v1", "", image=IMAGE, tenant="acme"), MEMBER, Asked(image=IMAGE)),
        (Facts("image.available.v1", "", image=IMAGE), READER, Asked(image=IMAGE)),
        (
            Facts("version.available.v1", "", image=IMAGE, version=VERSION, tenant="acme"),
            MEMBER,
            Asked(IMAGE, VERSION),
        ),
        (
            Facts("copy.started.v1", "", image=IMAGE, version=VERSION, pod=POD),
            READER,
            Asked(IMAGE, VERSION, POD),
        ),
        # what the owner does with them
        (Facts("version.publish_requested.v1", "", IMAGE, VERSION, tenant="acme"), READER, NOTHING),
        (Facts("version.publish_requested.v1", "", IMAGE, VERSION, tenant="acme"), MEMBER, None),
        (Facts("version.publish_requested.v1", "", IMAGE, VERSION, tenant="acme"), NOBODY, None),
        (Facts("version.requested.v1", "", IMAGE, VERSION, tenant="acme"), MEMBER, None),
        (Facts("version.failed.v1", "", IMAGE, VERSION, tenant="acme"), MEMBER, None),
        (Facts("assignment.created.v1", "", IMAGE, VERSION, tenant="bolt"), OWNER, None),
        (Facts("assignment.created.v1", "", IMAGE, VERSION, tenant="bolt"), MEMBER, NOTHING),
        (Facts("placement.refused.v1", "", version=VERSION), OWNER, None),
        (Facts("version.sought.v1", "", version=VERSION, pod=POD), OWNER, None),
        # deliveries
        (Facts("version.delivery_requested.v1", "", IMAGE, VERSION, tenant="acme", member="bolt"), MEMBER, NOTHING),
        (Facts("version.delivery_requested.v1", "", IMAGE, VERSION, tenant="acme", member="bolt"), OWNER, None),
        # offers
        (Facts("share.offered.v1", "", IMAGE, owner="acme", member="bolt"), READER, NOTHING),
        (Facts("share.offered.v1", "", IMAGE, owner="acme", member="bolt"), MEMBER, NOTHING),
        (Facts("share.offered.v1", "", IMAGE, owner="acme", member="org:corp"), MEMBER, NOTHING),
        (Facts("share.offered.v1", "", IMAGE, owner="acme", member="org:corp/eu"), MEMBER, None),
        (Facts("share.offered.v1", "", IMAGE, owner="acme", member="core"), MEMBER, None),
        (Facts("share.accepted.v1", "", IMAGE, owner="acme", member="core"), MEMBER, None),
        (Facts("share.revoked.v1", "", IMAGE, owner="acme", member="account:b"), MEMBER, NOTHING),
        (Facts("share.suspended.v1", "", IMAGE, owner="acme"), OWNER, NOTHING),
        (Facts("share.resumed.v1", "", IMAGE, owner="acme"), MEMBER, Asked(image=IMAGE)),
        (Facts("share.gallery_set.v1", "", tenant="acme"), READER, NOTHING),
        (Facts("share.gallery_set.v1", "", tenant="acme"), MEMBER, None),
        # grants and tokens
        (Facts("share.granted.v1", "", tenant="acme", principal="user:bolt/dan"), MEMBER, NOTHING),
        (Facts("share.granted.v1", "", tenant="acme", principal="user:bolt/eva"), MEMBER, None),
        (Facts("share.granted.v1", "", tenant="acme", principal="user:bolt/eva"), OWNER, NOTHING),
        (Facts("share.granted.v1", "", tenant="acme", principal="user:bolt/eva"), READER, None),
        (Facts("token.created.v1", "", tenant="acme", user="ben"), READER, NOTHING),
        (Facts("token.created.v1", "", tenant="acme", user="ada"), READER, None),
        (Facts("token.created.v1", "", tenant="acme", user="ben"), OWNER, NOTHING),
        (Facts("token.created.v1", "", tenant="acme", user="dan"), MEMBER, None),
        (Facts("tenant.set.v1", "", tenant="acme"), MEMBER, None),
        # pods
        (Facts("pod.connected.v1", "", pod=POD), READER, Asked(pod=POD)),
        (Facts("pod.connected.v1", "", pod=POD), NOBODY, None),
    ],
)  # fmt: skip
def test_e5_an_event_is_for_its_tenant_and_for_whom_it_concerns(event: Facts, who: Actor, needed: Asked | None) -> None:
    assert asked(event, who) == needed


def test_e5_progress_is_for_those_who_know_of_the_version_and_of_the_pod() -> None:
    report = Report(POD, Progress(id="c", version=VERSION, step="transfer", bytes_done=1, bytes_total=2))
    assert asked_of(report, OWNER) == Asked(version=VERSION, pod=POD)
    assert asked_of(report, AUDITOR) == NOTHING


@pytest.mark.parametrize(
    ("event", "steered"),
    [
        (Facts("share.revoked.v1", "", IMAGE, owner="acme", member="bolt"), True),
        (Facts("share.revoked.v1", "", IMAGE, owner="acme", member="core"), False),
        (Facts("share.suspended.v1", "", IMAGE, owner="acme"), True),
        (Facts("share.granted.v1", "", tenant="acme", principal="user:bolt/dan"), True),
        (Facts("share.granted.v1", "", tenant="acme", principal="user:acme/ben"), False),
        (Facts("share.gallery_set.v1", "", tenant="acme"), True),
        (Facts("pod.relabelled.v1", "", pod=POD), True),
        (Facts("copy.available.v1", "", IMAGE, VERSION, POD), False),
    ],
)
def test_e5_what_is_said_of_sharing_changes_what_its_members_may_know_of(event: Facts, steered: bool) -> None:
    assert steers(event, MEMBER) is steered
