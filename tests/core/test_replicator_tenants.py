"""Pods that are for some tenants only: to all others, operators aside, they are not there (features.md E, F14)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import replicator
from contracts.errors import Problem
from contracts.events.from_pods import InventoryReported, LibraryItem
from contracts.events.hub import (
    CopyPlanned,
    GalleryShared,
    ImageDeleted,
    ImageRegistered,
    PodConnected,
    PodEnrolled,
    PodRelabelled,
    RolesGranted,
    ShareOffered,
    Targets,
    VersionDeleted,
)
from contracts.principals import above
from contracts.requests import (
    Actor,
    AdmitExport,
    AdmitUpload,
    EditPlacement,
    GetPlacement,
    GetPod,
    GetPodLibrary,
    GetPodVms,
    ListCopies,
    ListPods,
    ListPolicies,
    PlanPlacement,
    RequestInventory,
    SetPodTenants,
    SetPolicy,
)
from contracts.terms import Override, Policy, Selector, Terms
from contracts.views import ExportGrantView, PlacementView, PodView, PolicyView
from core.catalog_world import refused
from core.driver import Driver
from core.readside import stored
from core.replicating import MANIFEST, TENANT, VERSION, House, announcement, finalised, plainly, publishing
from replicator.config import Config
from replicator.documents import COPY, POD
from replicator.queries import queries
from runtime.access import ACCESS
from runtime.signing import PrivateKey
from runtime.upload_tickets import UploadSigner

IMAGE = publishing().image
OPERATOR = Actor(tenant="default", name="root", roles=("operator",))
OWNER = Actor(tenant=TENANT, name="ann", roles=("owner",))
BETA = Actor(tenant="beta", name="bob", roles=("owner",), principals=above("beta", "bees", "corp/eu"))
STRANGER = Actor(tenant="gamma", name="gil", roles=("owner",))


def bind(house: House, pod: str, *tenants: str, **more: Any) -> Any:
    said = len(house.emitted)
    reply = house.ask(SetPodTenants(id=house.new_id(), actor=OPERATOR, pod=pod, tenants=tenants, **more))
    return reply, house.events(house.emitted[said:])


def bound(*pods: str, **config: Any) -> House:
    """A house of which pod-3 is beta's account's."""
    house = House("pod-1", "pod-2", "pod-3", *pods, **config)
    bind(house, "pod-3", "account:bees")
    return house


# --- binding ----------------------------------------------------------------------------------------------------------


def test_f14_binding_a_pod_is_told_to_the_house_and_once_only() -> None:
    house = House("pod-1", "pod-3")
    view, said = bind(house, "pod-3", "beta", "account:bees", "beta")
    assert isinstance(view, PodView)
    assert (view.tenants, view.tenants_revision) == (("account:bees", "beta"), 1)
    assert [type(one) for one in said] == [PodRelabelled]
    assert said[0].tenants == ("account:bees", "beta")
    assert bind(house, "pod-3", "beta", "account:bees")[1] == []
    assert refused(bind(house, "pod-3", revision=0)[0], "revision_mismatch").data == {"revision": 1}
    assert bind(house, "pod-3", revision=1)[0].tenants == ()
    refused(bind(house, "pod-8", "beta")[0], "pod_not_found")


def test_f14_a_pod_that_comes_back_says_whose_it_is() -> None:
    house = bound()
    house.pass_time(100)
    (back,) = [one for one in house.pod("pod-3", announcement("boot-2")) if isinstance(one, PodConnected)]
    assert back.tenants == ("account:bees",)
    (new,) = [one for one in house.pod("pod-4", announcement()) if isinstance(one, PodEnrolled)]
    assert new.tenants == ()


def test_f14_a_pod_of_an_earlier_version_of_the_hub_is_for_everybody() -> None:
    house = House("pod-1")
    kept = house.documents["pod", "pod-1"]
    for field in (b'"tenants":[],', b'"tenants_revision":0,'):
        assert field in kept
        kept = kept.replace(field, b"")
    assert POD.decode(kept).tenants == ()


# --- targets ----------------------------------------------------------------------------------------------------------


def targets(house: House, **words: Any) -> dict[str, str]:
    """By pod, the state in which its copy was planned."""
    return {one.pod: one.state for one in house.publish(**words) if isinstance(one, CopyPlanned)}


def test_f14_a_publish_to_all_leaves_out_pods_of_others() -> None:
    assert targets(bound()) == {"pod-1": "PENDING", "pod-2": "PENDING"}
    mine = bound()
    assert targets(mine, tenant="beta", principals=above("beta", "bees")).keys() == {"pod-1", "pod-2", "pod-3"}
    assert targets(bound(), public=True).keys() == {"pod-1", "pod-2", "pod-3"}, "the standard class is for everybody"


def test_f14_a_pod_of_others_that_is_named_is_as_one_that_is_nowhere() -> None:
    house = bound()
    said = house.publish(targets=Targets(kind="list", pods=("pod-1", "pod-3", "pod-8")))
    reasons = {one.pod: one.reason for one in said if isinstance(one, CopyPlanned) and one.reason}
    assert reasons.keys() == {"pod-3", "pod-8"}
    assert reasons["pod-3"] == reasons["pod-8"]


def test_f14_an_edit_names_pods_of_others_in_vain() -> None:
    house = bound()
    house.publish(targets=Targets(kind="list", pods=("pod-1",)))
    there = refused(house.asked(EditPlacement, add=("pod-3",))[0], "pod_unknown")
    nowhere = refused(house.asked(EditPlacement, add=("pod-8",))[0], "pod_unknown")
    assert there.detail.replace("pod-3", "pod-8") == nowhere.detail
    assert isinstance(house.asked(EditPlacement, add=("pod-2",))[0], PlacementView)


def test_f14_what_is_on_a_pod_when_it_is_bound_stays_and_is_kept_by_a_publish_again() -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, finalised(pod))
    bind(house, "pod-2", "beta")
    assert targets(house, publication=2, again=True) == {"pod-1": "AVAILABLE", "pod-2": "AVAILABLE"}


def test_c12_a_policy_wants_nothing_on_pods_of_others() -> None:
    house = bound()
    house.publish(targets=Targets(kind="list", pods=("pod-1",)))
    policy = Policy(kind="SOFT", selector=Selector(labels={"hypervisor": ("directory",)}))
    view = house.ask(SetPolicy(id=house.new_id(), actor=OWNER, name="all", policy=policy))
    assert isinstance(view, PolicyView)
    assert view.pods == ("pod-1", "pod-2")
    house.pass_time(5)
    assert planned(house) == {"pod-1", "pod-2"}
    bind(house, "pod-3")
    house.pass_time(5)
    assert planned(house) == {"pod-1", "pod-2", "pod-3"}, "it is for everybody again"


def planned(house: House) -> set[str]:
    return {copy.pod for copy in house.all(COPY).values()}


# --- commands that name a pod -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [OWNER, STRANGER])
def test_f14_uploads_and_looks_at_pods_of_others_meet_no_pod(actor: Actor, tmp_path: Path) -> None:
    house = bound(uploads=UploadSigner(PrivateKey.open(tmp_path / "key")))

    def ask(actor: Actor, pod: str) -> list[Any]:
        upload = AdmitUpload(id=house.new_id(), actor=actor, pod=pod, name="disk.raw", size=10, bearer="gateway")
        return [house.ask(upload), house.ask(RequestInventory(id=house.new_id(), actor=actor, pod=pod))]

    for there, nowhere in zip(ask(actor, "pod-3"), ask(actor, "pod-8"), strict=True):
        assert refused(there, "pod_not_found").detail.replace("pod-3", "pod-8") == nowhere.detail
    assert not [one for actor in (BETA, OPERATOR) for one in ask(actor, "pod-3") if isinstance(one, Problem)]


def test_e1_a_version_is_exported_to_who_may_read_it_from_pods_that_he_knows() -> None:
    house = bound()
    house.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, finalised(pod))
    bind(house, "pod-1", TENANT)

    def export(actor: Actor, **more: Any) -> Any:
        return house.ask(AdmitExport(id=house.new_id(), actor=actor, version=VERSION, bearer="gateway", **more))

    refused(export(BETA), "version_not_found")
    house.sharing(ShareOffered(image=IMAGE, member="org:corp", owner=TENANT, revision=1))
    granted = export(BETA)
    assert isinstance(granted, ExportGrantView)
    assert [one.pod for one in granted.holders] == ["pod-2"]
    hidden, nowhere = export(BETA, pod="pod-1"), export(BETA, pod="pod-8")
    assert refused(hidden, "export_unavailable").detail.replace("pod-1", "pod-8") == nowhere.detail
    refused(export(STRANGER), "version_not_found")
    refused(export(OPERATOR), "version_not_found")


def test_f14_a_version_that_was_deleted_is_as_one_that_never_was() -> None:
    house = bound()
    house.publish()
    house.pod("pod-1", finalised("pod-1"))
    house.sharing(ShareOffered(image=IMAGE, member="beta", owner=TENANT, revision=1))
    house.catalog(VersionDeleted(version=VERSION, image=IMAGE, number="1.0.0", tenant=TENANT, revision=9))
    refused(house.asked(EditPlacement, actor=BETA, add=("pod-2",))[0], "placement_not_found")
    for actor in (BETA, OWNER):
        asked = AdmitExport(id=house.new_id(), actor=actor, version=VERSION, bearer="gateway")
        refused(house.ask(asked), "version_not_found")
    house.catalog(ImageDeleted(image=IMAGE, tenant=TENANT, revision=9))
    assert house.all(ACCESS) == {}


def test_e7_whose_gallery_a_version_of_before_is_in_is_learned_when_that_is_told_again() -> None:
    house = bound()
    house.publish()
    again = ImageRegistered(image=IMAGE, gallery="lab", name="base", tenant=TENANT, os_type="linux", revision=1)
    shared = GalleryShared(gallery="9" * 32, tenant=TENANT, name="lab", sharing="community", revision=1)
    house.sharing(shared)
    refused(house.asked(EditPlacement, actor=BETA, add=("pod-2",))[0], "placement_not_found")
    house.catalog(again)
    refused(house.asked(EditPlacement, actor=BETA, add=("pod-2",))[0], "forbidden")


# --- queries ----------------------------------------------------------------------------------------------------------


class Asked:
    """The replicator's queries over what a driver decided."""

    def __init__(self, reader: Any) -> None:
        self._reader, self._queries = reader, queries(Config(sign=plainly))

    async def __call__(self, request: Any) -> Any:
        return await self._queries[type(request)](request, self._reader)


async def asking(house: Driver, path: Path) -> AsyncIterator[Asked]:
    migrations = Path(replicator.__file__).parent / "migrations"
    async with stored(house, path / "replicator.sqlite", migrations) as reader:
        yield Asked(reader)


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    """pod-3 is beta's, pod-5 gamma's; of acme's version all but pod-5 have a copy, and pod-4 skipped it."""
    house = bound("pod-5", "pod-6", "pod-7")
    bind(house, "pod-5", "gamma")
    house.pod("pod-4", announcement(formats=("vhd",)))
    bind(house, "pod-6", TENANT)
    terms = Terms(overrides={"pod-3": Override(replicas=1), "pod-6": Override(replicas=1)})
    chosen = Targets(kind="list", pods=("pod-1", "pod-2", "pod-3", "pod-4", "pod-6"))
    house.publish(targets=chosen, terms=terms, principals=(TENANT, "account:bees"), gallery="lab")
    for pod in ("pod-1", "pod-2", "pod-3", "pod-6"):
        house.pod(pod, finalised(pod, bytes_from={"pod-6": 1}))
    other = publishing(version="f" * 32, image="image-2", tenant="gamma", targets=Targets(kind="list", pods=("pod-1",)))
    house.catalog(other)
    house.sharing(
        ShareOffered(image=IMAGE, member="org:corp/eu", owner=TENANT, revision=1),
        RolesGranted(
            scope="version", target="f" * 32, tenant="gamma", image="image-2", principal="user:beta/bob",
            roles=("reader",), revision=1,
        ),
    )  # fmt: skip
    items = tuple(LibraryItem(version=one, datastore="store", digest="a" * 64, size=1) for one in (VERSION, *OTHERS))
    house.pod("pod-1", InventoryReported(root="a", page=0, pages=1, vms=(), items=items))
    house.pass_time(1)
    async for one in asking(house, tmp_path):
        yield one


OTHERS = ("f" * 32, "e" * 32)
ALL = tuple(f"pod-{n}" for n in range(1, 8))


@pytest.mark.parametrize(
    ("actor", "seen"),
    [
        (OPERATOR, ALL),
        (OWNER, ("pod-1", "pod-2", "pod-4", "pod-6", "pod-7")),
        (BETA, ("pod-1", "pod-2", "pod-3", "pod-4", "pod-7")),
        (STRANGER, ("pod-1", "pod-2", "pod-4", "pod-5", "pod-7")),
    ],
    ids=["operator", "owner", "beta", "gamma"],
)
async def test_f14_pods_of_others_are_in_no_list_and_on_no_page(asked: Asked, actor: Actor, seen: Any) -> None:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = await asked(ListPods(actor=actor, limit=2, cursor=cursor))
        found += [pod.name for pod in page.items]
        assert len(page.items) == 2 or page.next is None
        if (cursor := page.next) is None:
            break
    assert tuple(found) == seen
    for pod in (*ALL, "pod-8"):
        for kind in (GetPod, GetPodVms, GetPodLibrary):
            assert isinstance(await asked(kind(actor=actor, pod=pod)), Problem) == (pod not in seen)


async def test_f14_who_else_may_use_a_pod_is_for_operators(asked: Asked) -> None:
    for actor, tenants in ((OPERATOR, ("account:bees",)), (BETA, ())):
        assert (await asked(GetPod(actor=actor, pod="pod-3"))).tenants == tenants


async def test_f14_the_library_of_a_shared_pod_tells_what_the_asker_may_read(asked: Asked) -> None:
    async def versions(actor: Actor) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await asked(GetPodLibrary(actor=actor, pod="pod-1", limit=1, cursor=cursor))
            found += [item.version for item in page.items]
            if (cursor := page.next) is None:
                return found

    bob = Actor(tenant="beta", name="bob", roles=("owner",), principals=(*BETA.principals, "user:beta/bob"))
    assert await versions(OPERATOR) == [VERSION, "e" * 32, "f" * 32], "what nobody knows too"
    assert await versions(OWNER) == [VERSION]
    assert await versions(BETA) == [VERSION]
    assert await versions(bob) == [VERSION, "f" * 32]
    assert await versions(STRANGER) == ["f" * 32]


async def test_e1_a_member_sees_the_copies_on_pods_that_are_there_for_it(asked: Asked) -> None:
    async def rows(actor: Actor, **more: Any) -> dict[str, str]:
        page = await asked(ListCopies(actor=actor, version=VERSION, **more))
        return {copy.pod: copy.source for copy in page.items}

    assert (await rows(OWNER)).keys() == {"pod-1", "pod-2", "pod-3", "pod-4", "pod-6"}
    seen = await rows(BETA)
    assert seen.keys() == {"pod-1", "pod-2", "pod-3", "pod-4"}
    assert set(seen.values()) == {""}, "nor does it learn that pod-6 served them"
    (copy,) = [one for one in (await asked(ListCopies(actor=BETA, version=VERSION))).items if one.pod == "pod-2"]
    assert (copy.bytes_network, copy.bytes_reused) == (1500, 0), "nor what else the owner has there"
    assert (await rows(BETA, limit=4)).keys() == seen.keys()
    assert (await asked(ListCopies(actor=BETA, version=VERSION, limit=4))).next is None, "nothing is behind it"
    never = await asked(ListCopies(actor=BETA, version="1" * 32))
    for actor in (STRANGER, OPERATOR, Actor(tenant=TENANT, name="nobody")):
        assert await asked(ListCopies(actor=actor, version=VERSION)) == never


async def test_e1_the_placement_that_a_member_reads_says_nothing_of_other_pods(asked: Asked) -> None:
    own, theirs = [await asked(GetPlacement(actor=actor, version=VERSION)) for actor in (OWNER, BETA)]
    assert own.copies == {"AVAILABLE": 4, "SKIPPED": 1}
    assert (own.wanted, own.pods[-1]) == (5, "pod-6")
    assert theirs.copies == {"AVAILABLE": 3, "SKIPPED": 1}
    assert (theirs.wanted, theirs.pods) == (4, ("pod-1", "pod-2", "pod-3", "pod-4"))
    assert (theirs.targets.pods, set(theirs.terms.overrides)) == (theirs.pods, {"pod-3"})
    refusal = refused(await asked(GetPlacement(actor=STRANGER, version=VERSION)), "placement_not_found")
    never = await asked(GetPlacement(actor=STRANGER, version="1" * 32))
    assert refusal.detail.replace(VERSION, "1" * 32) == never.detail


async def test_f14_a_plan_knows_the_askers_pods_alone(asked: Asked) -> None:
    async def rows(actor: Actor, version: str = VERSION) -> dict[str, tuple[str, tuple[str, ...]]]:
        page = await asked(PlanPlacement(actor=actor, version=version, image=IMAGE, manifest=MANIFEST))
        return {row.pod: (row.action, row.sources) for row in page.items}

    own, stranger = await rows(OWNER), await rows(STRANGER)
    assert own.keys() == {"pod-1", "pod-2", "pod-4", "pod-6", "pod-7"}
    assert "pod-6" in own["pod-7"][1]
    assert stranger.keys() == {"pod-1", "pod-2", "pod-4", "pod-5", "pod-7"}
    assert stranger == await rows(STRANGER, "1" * 32), "as if the version were nowhere"
    beta = await rows(BETA)
    assert (beta["pod-3"], beta["pod-7"][0]) == (("keep", ()), "copy")
    assert "pod-6" not in {source for _, sources in beta.values() for source in sources}


async def test_c12_the_pods_of_a_policy_are_the_askers(tmp_path: Path) -> None:
    house = bound()
    policy = Policy(kind="SOFT", selector=Selector(labels={"hypervisor": ("directory",)}))
    for actor in (OWNER, BETA):
        house.ask(SetPolicy(id=house.new_id(), actor=actor, name="all", policy=policy))
    house.now += timedelta(seconds=1)
    async for ask in asking(house, tmp_path):
        (own,) = (await ask(ListPolicies(actor=OWNER))).items
        (theirs,) = (await ask(ListPolicies(actor=BETA))).items
        assert (own.pods, theirs.pods) == (("pod-1", "pod-2"), ("pod-1", "pod-2", "pod-3"))
