"""What others than the owner may do with a version, and what is delivered to them (features.md E, F15)."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.events.hub import (
    CopyAvailable,
    CopyCancelled,
    CopyLost,
    CopyPlanned,
    CopyRetired,
    DeliveryEnded,
    DeliveryPlanned,
    ImageDeleted,
    RolesGranted,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
    Targets,
    TenantSet,
    VersionDeliveryRequested,
)
from contracts.events.to_pods import CopyRequested, CopyWithdrawn
from contracts.principals import Granted, above, tenant_key
from contracts.requests import Actor, EditPlacement, PausePlacement, RemoveCopy, RepairCopy, SetPodTenants, SetPolicy
from contracts.terms import Policy, Selector
from contracts.views import PlacementView
from core.catalog_world import refused
from core.replicating import (
    DEADLINE,
    TENANT,
    VERSION,
    House,
    corrupted,
    dropped,
    finalised,
    heartbeat,
    publishing,
    rejected,
    transferred,
    unpublishing,
)
from replicator import definition
from replicator.documents import DELIVERIES, MEMBER, ROSTER
from replicator.domain.delivery import MOST_JOBS, Delivered, Deliveries, Member
from replicator.memberships import AT_ONCE
from runtime import migrations

IMAGE = publishing().image
BETA = Actor(tenant="beta", name="bob", roles=("owner",), principals=above("beta", "bees", "corp/eu"))
STRANGER = Actor(tenant="gamma", name="gil", roles=("owner",))
OPERATOR = Actor(tenant="default", name="root", roles=("operator",))
JOB = "d" * 32
MIGRATIONS = Path(definition.__file__).parent / "migrations"


def offered(member: str = "beta", revision: int = 1) -> ShareOffered:
    return ShareOffered(image=IMAGE, member=member, owner=TENANT, revision=revision)


def revoked(member: str = "beta", revision: int = 2) -> ShareRevoked:
    return ShareRevoked(image=IMAGE, member=member, owner=TENANT, revision=revision)


def granted(principal: str, *roles: Granted, scope: Any = "version", revision: int = 1) -> RolesGranted:
    target = VERSION if scope == "version" else IMAGE
    return RolesGranted(
        scope=scope, target=target, tenant=TENANT, image=IMAGE, principal=principal, roles=roles, revision=revision
    )


def delivery(*pods: str, member: str = "beta", job: str = JOB, **changes: Any) -> VersionDeliveryRequested:
    return VersionDeliveryRequested(
        **{
            "version": VERSION,
            "image": IMAGE,
            "number": "1.0.0",
            "tenant": TENANT,
            "gallery": "lab",
            "member": member,
            "delivery": job,
            "principals": above(member, "bees", "corp/eu"),
            "pods": pods,
            "revision": 1,
        }
        | changes
    )


def published(*offers: Any) -> House:
    """A version that is AVAILABLE on pod-1 and pod-2; pod-3 is there besides, and pod-9 that only gamma may use."""
    house = House("pod-1", "pod-2", "pod-3", "pod-9")
    bound = SetPodTenants(id=house.new_id(), actor=OPERATOR, pod="pod-9", tenants=("gamma",))
    house.ask(bound)
    house.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, finalised(pod))
    house.sharing(*offers)
    return house


def of(kind: type[Any], said: list[Any]) -> list[Any]:
    return [one for one in said if isinstance(one, kind)]


def wanted(house: House) -> set[str]:
    roster = house.get(ROSTER, VERSION)
    return set() if roster is None else set(roster.wanted)


def planned(said: list[Any]) -> DeliveryPlanned:
    one: DeliveryPlanned
    (one,) = of(DeliveryPlanned, said)
    assert (one.delivery, one.member, one.tenant) == (JOB, "beta", TENANT)
    return one


# --- rights -----------------------------------------------------------------------------------------------------------

COMMANDS: tuple[tuple[Any, dict[str, Any], str], ...] = (
    (EditPlacement, {"add": ("pod-3",)}, "placement_not_found"),
    (PausePlacement, {}, "placement_not_found"),
    (RemoveCopy, {"pod": "pod-2"}, "copy_not_found"),
    (RepairCopy, {"pod": "pod-2"}, "copy_not_found"),
)


@pytest.mark.parametrize(("kind", "fields", "absent"), COMMANDS)
def test_f14_to_a_stranger_a_version_is_as_one_that_never_was(kind: Any, fields: Any, absent: str) -> None:
    house = published(offered())
    problem, said = house.asked(kind, actor=STRANGER, **fields)
    never, _ = house.asked(kind, actor=STRANGER, **fields | {"version": "e" * 32})
    assert (refused(problem, absent), said) == (never, [])


@pytest.mark.parametrize(("kind", "fields", "absent"), COMMANDS)
@pytest.mark.parametrize("actor", [OPERATOR, Actor(tenant=TENANT, name="ann")], ids=["operator", "no role"])
def test_e7_operators_and_people_without_a_role_are_no_owners(
    kind: Any, fields: Any, absent: str, actor: Actor
) -> None:
    refused(published().asked(kind, actor=actor, **fields)[0], absent)


@pytest.mark.parametrize(("kind", "fields", "_"), COMMANDS)
def test_e1_a_member_may_read_and_is_told_that_it_may_no_more(kind: Any, fields: Any, _: str) -> None:
    problem, said = published(offered("org:corp")).asked(kind, actor=BETA, **fields)
    assert (refused(problem, "forbidden").data, said) == ({"needs": "publish"}, [])


@pytest.mark.parametrize("scope", ["version", "image"])
def test_e7_a_publisher_by_grant_edits_the_placement_and_sees_pods_of_his_own(scope: str) -> None:
    house = published(granted("user:beta/bob", "publisher", scope=scope))
    house.catalog(publishing(2, targets=Targets(kind="list", pods=("pod-9",)), principals=("gamma",)))
    bob = Actor(tenant="beta", name="bob", roles=("reader",), principals=(*above("beta"), "user:beta/bob"))
    view, _ = house.asked(EditPlacement, actor=bob, add=("pod-3",))
    assert isinstance(view, PlacementView), view
    assert (view.pods, view.wanted, view.targets.pods) == (("pod-1", "pod-2", "pod-3"), 3, ())
    assert house.asked(EditPlacement, replicas=1)[0].pods == ("pod-1", "pod-2", "pod-3", "pod-9"), "the owner sees all"
    refused(house.asked(EditPlacement, actor=bob, add=("pod-9",))[0], "pod_unknown")
    there = refused(house.asked(EditPlacement, actor=bob, remove=("pod-9",))[0], "targets_invalid")
    nowhere = refused(house.asked(EditPlacement, actor=bob, remove=("pod-8",))[0], "targets_invalid")
    assert there.detail.replace("pod-9", "pod-8") == nowhere.detail
    refused(house.asked(RemoveCopy, actor=bob, pod="pod-9")[0], "copy_not_found")


# --- deliveries -------------------------------------------------------------------------------------------------------


def test_e5_a_delivery_adds_the_members_pods_and_the_saga_is_the_deliverys() -> None:
    house = published(offered())
    said = house.catalog(delivery("pod-3"))
    assert (planned(said).pods, planned(said).refused) == (("pod-3",), {})
    (copy,) = of(CopyPlanned, said)
    assert (copy.pod, copy.state) == ("pod-3", "PENDING")
    assert [one.saga for one in house.emitted if isinstance(one.event, CopyPlanned)][-1] == JOB
    assert [one.pod for one in of(CopyRequested, said)] == ["pod-3"]
    assert [one.pod for one in of(CopyAvailable, house.pod("pod-3", finalised("pod-3")))] == ["pod-3"]


def test_e5_what_is_there_or_under_way_is_not_made_again_and_what_failed_is() -> None:
    house = published(offered())
    assert planned(house.catalog(delivery("pod-2"))).pods == ("pod-2",)
    assert house.all(DELIVERIES) == {}, "the owner has it there"
    house.catalog(delivery("pod-3"))
    again = house.catalog(delivery("pod-3", "pod-3", job=JOB))
    assert (planned(again).pods, of(CopyPlanned, again)) == (("pod-3", "pod-3"), [])
    house.pod("pod-3", rejected("pod-3", retry=False))
    assert house.state("pod-3") == "FAILED"
    assert [one.pod for one in of(CopyPlanned, house.catalog(delivery("pod-3")))] == ["pod-3"]


def test_e5_a_pod_that_is_not_for_the_member_is_refused_as_one_that_is_nowhere() -> None:
    house = published(offered())
    answer = planned(house.catalog(delivery("pod-9", "pod-8", "pod-3")))
    assert answer.pods == ("pod-3",)
    assert {one.code for one in answer.refused.values()} == {"delivery_target"}
    assert answer.refused["pod-9"].text.replace("pod-9", "pod-8") == answer.refused["pod-8"].text
    house.ask(SetPodTenants(id=house.new_id(), actor=OPERATOR, pod="pod-9", tenants=("org:corp/eu",)))
    assert planned(house.catalog(delivery("pod-9"))).pods == ("pod-9",)
    assert wanted(house) == {"pod-1", "pod-2", "pod-3", "pod-9"}


def test_c12_the_owners_hard_policy_holds_for_deliveries_too() -> None:
    house = published(offered())
    hard = Policy(kind="HARD", selector=Selector(labels={"pod": ("pod-1",)}))
    owner = Actor(tenant=TENANT, name="ann", roles=("owner",))
    house.ask(SetPolicy(id=house.new_id(), actor=owner, name="here", policy=hard))
    assert planned(house.catalog(delivery("pod-3"))).refused["pod-3"].code == "policy_forbids"


BEFORE = {
    "never offered": (),
    "revoked": (offered(), revoked()),
    "suspended": (offered(), ShareSuspended(image=IMAGE, owner=TENANT, revision=3)),
}


@pytest.mark.parametrize("words", BEFORE.values(), ids=BEFORE)
def test_f15_a_delivery_that_comes_after_the_revocation_is_refused(words: tuple[Any, ...]) -> None:
    house = published(*words)
    assert house.catalog(delivery("pod-3")) == [], "the word that it stands on may be on its way"
    answer = planned(house.events(house.pass_time(5)))
    assert (answer.pods, answer.refused["pod-3"].code) == ((), "share_revoked")
    assert wanted(house) == ({"pod-1", "pod-2"})


def test_e5_a_delivery_that_overtook_its_offer_is_made() -> None:
    house = published()
    house.catalog(delivery("pod-3"))
    house.sharing(offered("account:bees"))
    assert planned(house.events(house.pass_time(5))).pods == ("pod-3",)


def test_e5_a_version_without_copies_is_not_delivered() -> None:
    house = House("pod-1", "pod-3")
    house.sharing(offered())
    house.catalog(delivery("pod-3"))
    assert planned(house.events(house.pass_time(5))).refused["pod-3"].code == "version_not_ready"


STEPS = {
    "waiting": (),
    "moving": (),
    "moved": (transferred("pod-3"),),
    "failed once": (rejected("pod-3"),),
    "failed": (rejected("pod-3", retry=False),),
}
ENDS = {
    "revoked": (revoked(),),
    "suspended": (ShareSuspended(image=IMAGE, owner=TENANT, revision=2),),
    "rejected and blocked": (ShareRejected(image=IMAGE, member="beta", owner=TENANT, blocks=True, revision=2),),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("step", STEPS)
def test_f15_what_is_not_available_when_the_share_ends_goes_at_once_and_never_comes(step: str, end: str) -> None:
    house = published(offered())
    if step == "waiting":
        house.pass_time(100)
        for pod in ("pod-1", "pod-2"):
            house.pod(pod, heartbeat())
    house.catalog(delivery("pod-3"))
    for word in STEPS[step]:
        house.pod("pod-3", word)
    attempt = house.copy("pod-3").attempt
    said = house.sharing(*ENDS[end])
    assert [(one.copy, one.attempt) for one in of(CopyWithdrawn, said)] == (
        [(f"{VERSION}_pod-3_0", attempt)] if attempt else []
    )
    assert len(of(CopyCancelled, said)) + len(of(CopyRetired, said)) == 1
    assert [(one.delivery, one.member) for one in of(DeliveryEnded, said)] == [(JOB, "beta")]
    after = house.pod("pod-3", finalised("pod-3", attempt=max(attempt, 1)))
    after += house.pod("pod-3", dropped("pod-3", attempt=max(attempt, 1)))
    after += house.events(house.pass_time(4000))
    assert (of(CopyAvailable, after), of(CopyRequested, after)) == ([], [])
    assert house.state("pod-3") == "ABSENT"
    assert (house.state("pod-1"), house.state("pod-2"), house.all(DELIVERIES)) == ("AVAILABLE", "AVAILABLE", {})


def test_f15_what_is_available_stays_for_desktops_and_is_not_made_again_when_it_is_lost() -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    house.pod("pod-3", finalised("pod-3"))
    said = house.sharing(revoked())
    assert [type(one) for one in said] == [DeliveryEnded]
    assert (house.state("pod-3"), house.copy("pod-3").lapsed) == ("AVAILABLE", True)
    said = house.pod("pod-3", corrupted("pod-3"))
    assert ([one.pod for one in of(CopyLost, said)], of(CopyRequested, said)) == (["pod-3"], [])
    assert [one.pod for one in of(CopyRetired, said)] == ["pod-3"]
    house.pod("pod-3", dropped("pod-3"))
    assert (house.state("pod-3"), house.all(DELIVERIES)) == ("ABSENT", {})


def test_e5_what_stayed_is_as_before_once_it_is_shared_again() -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    house.pod("pod-3", finalised("pod-3"))
    house.sharing(ShareSuspended(image=IMAGE, owner=TENANT, revision=2))
    house.sharing(ShareResumed(image=IMAGE, owner=TENANT, revision=3))
    assert not house.copy("pod-3").lapsed
    assert [one.pod for one in of(CopyRequested, house.pod("pod-3", corrupted("pod-3")))] == ["pod-3"], "it is repaired"


def test_e5_offered_again_it_is_delivered_again_when_the_member_asks_for_it() -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    house.sharing(revoked())
    assert of(CopyRequested, house.sharing(offered(revision=3))) == []
    said = house.catalog(delivery("pod-3", job="e" * 32))
    assert [(one.pod, one.attempt) for one in of(CopyRequested, said)] == [("pod-3", 2)]
    assert of(CopyAvailable, house.pod("pod-3", finalised("pod-3"))) == [], "of the first attempt nothing counts"
    assert [one.pod for one in of(CopyAvailable, house.pod("pod-3", finalised("pod-3", attempt=2)))] == ["pod-3"]
    ended = of(DeliveryEnded, house.sharing(revoked(revision=4)))
    assert [one.delivery for one in ended] == ["e" * 32]


def test_e5_a_copy_that_another_member_has_too_stays_until_both_have_lost_it() -> None:
    house = published(offered(), offered("gamma", revision=2))
    house.catalog(delivery("pod-3"))
    house.catalog(delivery("pod-3", member="gamma", job="e" * 32, principals=("gamma",)))
    assert of(CopyWithdrawn, house.sharing(revoked(revision=3))) == []
    assert [one.pod for one in of(CopyWithdrawn, house.sharing(revoked("gamma", revision=4)))] == ["pod-3"]


def test_e5_another_offer_to_something_that_the_member_is_holds_the_delivery() -> None:
    house = published(offered(), offered("org:corp", revision=2))
    house.catalog(delivery("pod-3"))
    assert house.sharing(revoked(revision=3)) == []
    assert [one.pod for one in of(CopyWithdrawn, house.sharing(revoked("org:corp", revision=4)))] == ["pod-3"]


def test_f15_the_owners_own_copies_are_not_touched_by_a_revocation() -> None:
    house = House("pod-1", "pod-2", "pod-3")
    house.publish()
    house.sharing(offered())
    house.catalog(delivery("pod-2"))
    assert of(CopyWithdrawn, house.sharing(revoked())) == []
    assert [one.pod for one in of(CopyAvailable, house.pod("pod-2", finalised("pod-2")))] == ["pod-2"]


@pytest.mark.parametrize("by", ["edit", "publish"])
def test_e5_what_the_owner_wants_himself_is_his_from_then_on(by: str) -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    if by == "edit":
        house.asked(EditPlacement, add=("pod-3",))
    else:
        house.publish(2, deadline=DEADLINE)
    assert of(CopyWithdrawn, house.sharing(revoked())) == []
    house.pod("pod-3", finalised("pod-3", attempt=house.copy("pod-3").attempt))
    assert (house.state("pod-3"), house.all(DELIVERIES)) == ("AVAILABLE", {})


def test_c7_published_again_a_delivery_stays_one() -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    house.publish(2, targets=Targets(kind="list", pods=("pod-1", "pod-2")), again=True)
    assert [one.pod for one in of(CopyWithdrawn, house.sharing(revoked()))] == ["pod-3"]


def test_c8_with_an_unpublish_deliveries_are_forgotten() -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    house.catalog(unpublishing())
    assert house.all(DELIVERIES) == {}
    assert of(DeliveryEnded, house.sharing(revoked())) == []


def test_e5_deliveries_of_many_members_end_some_at_a_time() -> None:
    house = published(offered("org:corp"))
    for n in range(20):
        tenant = f"tenant-{n}"
        words = delivery("pod-3", member=tenant, job=f"{n:032x}", principals=above(tenant, "", "corp"))
        house.catalog(words)
    for n in range(MOST_JOBS + 2):
        house.catalog(delivery("pod-3", job=f"{100 + n:032x}"))
    said = house.sharing(revoked("org:corp"))
    assert len(of(DeliveryEnded, said)) == 20 + MOST_JOBS
    assert [one.pod for one in of(CopyWithdrawn, said)] == ["pod-3"]
    assert house.all(DELIVERIES) == {}


# --- members that belong elsewhere from now on ------------------------------------------------------------------------


def belongs(account: str = "", unit: str = "", member: str = "beta", revision: int = 2) -> TenantSet:
    return TenantSet(
        key=tenant_key(member),
        tenant=member,
        account=account,
        principals=above(member, account, unit),
        revision=revision,
    )


LEAVING = {"account": ("account:bees", belongs()), "organisation": ("org:corp", belongs("bees", "other"))}


@pytest.mark.parametrize("way", LEAVING)
@pytest.mark.parametrize("step", STEPS)
def test_f15_who_leaves_what_it_had_the_offer_by_loses_what_is_not_available_at_once(step: str, way: str) -> None:
    offer, word = LEAVING[way]
    house = published(offered(offer))
    house.catalog(delivery("pod-3"))
    for report in STEPS[step]:
        house.pod("pod-3", report)
    attempt = house.copy("pod-3").attempt
    said = house.sharing(word)
    assert [(one.copy, one.attempt) for one in of(CopyWithdrawn, said)] == [(f"{VERSION}_pod-3_0", attempt)]
    assert len(of(CopyCancelled, said)) + len(of(CopyRetired, said)) == 1
    assert [(one.delivery, one.member) for one in of(DeliveryEnded, said)] == [(JOB, "beta")]
    after = house.sharing(word) + house.pod("pod-3", finalised("pod-3", attempt=attempt))
    after += house.pod("pod-3", dropped("pod-3", attempt=attempt)) + house.events(house.pass_time(4000))
    assert (of(CopyAvailable, after), of(CopyRequested, after), of(DeliveryEnded, after)) == ([], [], [])
    assert (house.state("pod-1"), house.state("pod-3"), house.all(DELIVERIES)) == ("AVAILABLE", "ABSENT", {})


def test_f15_what_a_leaver_has_stays_for_desktops_and_is_as_before_when_it_is_back() -> None:
    house = published(offered("org:corp"))
    house.catalog(delivery("pod-3"))
    house.pod("pod-3", finalised("pod-3"))
    assert [type(one) for one in house.sharing(belongs())] == [DeliveryEnded]
    assert (house.state("pod-3"), house.copy("pod-3").lapsed) == ("AVAILABLE", True)
    assert house.sharing(belongs("bees", "corp/us", revision=3)) == []
    assert not house.copy("pod-3").lapsed
    assert [one.pod for one in of(CopyRequested, house.pod("pod-3", corrupted("pod-3")))] == ["pod-3"], "it is repaired"


HOLDING = {
    "the tenant itself": offered(),
    "its new account": offered("account:wasps"),
    "its new organisation": offered("org:other"),
    "somebody of it": granted("user:beta/bob", "reader"),
}


@pytest.mark.parametrize("offer", HOLDING.values(), ids=HOLDING)
def test_e5_a_delivery_goes_on_by_what_the_member_is_besides_or_has_become(offer: Any) -> None:
    house = published(offered("account:bees"), offer)
    house.catalog(delivery("pod-3", principals=(*above("beta", "bees", "corp"), "user:beta/bob")))
    assert house.sharing(belongs("wasps", "other")) == []
    said = house.sharing(revoked("account:bees", revision=5))
    assert said == []
    assert [one.pod for one in of(CopyAvailable, house.pod("pod-3", finalised("pod-3")))] == ["pod-3"]


def test_f15_an_offer_to_what_the_member_was_gives_it_nothing_more() -> None:
    house = published(offered())
    house.catalog(delivery("pod-3"))
    house.sharing(belongs(), offered("account:bees", revision=2))
    assert [one.pod for one in of(CopyWithdrawn, house.sharing(revoked(revision=3)))] == ["pod-3"]


@pytest.mark.parametrize("revision", [4, 5])
def test_f15_of_a_tenant_only_the_newest_word_counts(revision: int) -> None:
    house = published(offered("account:bees"))
    house.sharing(belongs("bees", revision=5))
    house.catalog(delivery("pod-3"))
    assert house.sharing(belongs(revision=revision)) == []
    assert len(of(DeliveryEnded, house.sharing(belongs(revision=6)))) == 1
    assert house.sharing(belongs("bees", revision=revision), belongs(revision=6)) == []


def test_f15_who_left_before_its_delivery_was_heard_of_gets_none() -> None:
    house = published(offered("account:bees"))
    house.sharing(belongs())
    assert house.catalog(delivery("pod-3")) == []
    assert planned(house.events(house.pass_time(5))).refused["pod-3"].code == "share_revoked"
    house.sharing(belongs("bees", revision=3))
    assert planned(house.catalog(delivery("pod-3"))).pods == ("pod-3",)


def test_e5_pods_of_an_organisation_are_not_for_who_left_it() -> None:
    house = published(offered())
    house.ask(SetPodTenants(id=house.new_id(), actor=OPERATOR, pod="pod-9", tenants=("org:corp/eu",)))
    house.sharing(belongs())
    assert planned(house.catalog(delivery("pod-9"))).refused["pod-9"].code == "delivery_target"


def test_e5_a_copy_that_another_member_has_stays_when_one_leaves() -> None:
    house = published(offered("org:corp"))
    house.catalog(delivery("pod-3"))
    house.catalog(delivery("pod-3", member="gamma", job="e" * 32, principals=above("gamma", "", "corp")))
    said = house.sharing(belongs())
    assert ([one.delivery for one in of(DeliveryEnded, said)], of(CopyWithdrawn, said)) == ([JOB], [])
    said = house.sharing(belongs(member="gamma"))
    assert [one.pod for one in of(CopyWithdrawn, said)] == ["pod-3"]


def test_f15_deliveries_of_many_images_end_some_at_a_time_and_other_images_are_not_read() -> None:
    house, ids = House("pod-1", "pod-3"), [f"{100 + n:032x}" for n in range(AT_ONCE + 5)]
    for n, id in enumerate(ids):
        here = Targets(kind="list", pods=("pod-1",))
        house.publish(version=id, image=f"image-{id}", number=f"1.0.{n}", targets=here)
        house.sharing(ShareOffered(image=f"image-{id}", member="account:bees", owner=TENANT, revision=1))
        member = "beta" if n else "gamma"
        principals = above(member, "bees")
        words = delivery("pod-3", version=id, image=f"image-{id}", member=member, job=id, principals=principals)
        house.catalog(words)
    house.pass_time(10)
    said = house.events(house.say(belongs(), "sharing"))
    assert [one.delivery for one in of(DeliveryEnded, said)] == ids[1 : 1 + AT_ONCE]
    said = house.events(house.pass_time(0))
    assert [one.delivery for one in of(DeliveryEnded, said)] == ids[1 + AT_ONCE :]
    assert set(house.all(DELIVERIES)) == {f"image-{ids[0]}"}
    known = house.get(MEMBER, "beta")
    assert known is not None
    assert (known.images, known.revision) == ((), 2), "what is over is forgotten"


def test_e5_of_an_image_that_is_gone_no_member_has_anything() -> None:
    house = published(offered("account:bees"))
    house.catalog(delivery("pod-3"))
    assert house.get(MEMBER, "beta") == Member(images=(IMAGE,))
    gone = ImageDeleted(image=IMAGE, tenant=TENANT, revision=9)
    house.catalog(gone)
    assert house.all(MEMBER) == {}
    assert house.sharing(belongs()) == []


def test_e5_databases_of_before_know_whose_deliveries_are_where(tmp_path: Path) -> None:
    path, steps = tmp_path / "replicator.sqlite", tmp_path / "replicator" / "before"
    steps.mkdir(parents=True)
    for step in sorted(MIGRATIONS.glob("*.sql"))[:2]:
        (steps / step.name).write_text(step.read_text())
    migrations.apply(path, steps)
    one = Delivered(principals=("beta",), pods=("pod-3",))
    stored = {
        "image-2": Deliveries(tenant=TENANT, by={"1" * 32: {"beta": one, "ga.mma": one}, "2" * 32: {"beta": one}}),
        "image-1": Deliveries(tenant=TENANT, by={"3" * 32: {"beta": one}}),
    }
    with sqlite3.connect(path) as connection:
        for id, known in stored.items():
            row = ("deliveries", id, msgspec.json.encode(known).decode())
            connection.execute("INSERT INTO documents VALUES (?, ?, ?)", row)
    migrations.apply(path, MIGRATIONS)
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT id, body FROM documents WHERE kind = 'member'").fetchall()
    assert {id: MEMBER.decode(body) for id, body in rows} == {
        "beta": Member(images=("image-1", "image-2")),
        "ga.mma": Member(images=("image-2",)),
    }
