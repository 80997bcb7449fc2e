"""Who a publish is for, and why a pod cannot have what is published."""

from typing import Any

import msgspec
import pytest

from contracts.events.from_pods import Datastore
from contracts.manifest import Disk, Manifest
from contracts.terms import Override, Policy, Requirements, Selector, Targets, Terms
from core.driver import START
from core.replicating import MANIFEST
from replicator.domain.eligibility import Case, Rules, Target, resolve, rooms, unfit
from replicator.domain.pod import Connected, Draining, Offline, Pod, Removed
from replicator.domain.policy import NamedPolicy, forbidding, heeded, selectable
from replicator.settings import ReplicatorSettings

GB = 1 << 30


def pod(name: str = "pod-2", kind: type[Any] = Connected, **changes: Any) -> Pod:
    found: Pod = kind(
        **{
            "name": name,
            "boot": "boot",
            "address": "http://127.0.0.1:9000",
            "hypervisor": "libvirt",
            "family": "kvm",
            "connector_version": "2.1.0",
            "formats": ("qcow2", "raw"),
            "labels": {"region": "eu"},
            "datastores": (Datastore(name="store", capacity=100 * GB, free=50 * GB, disk_type="ssd"),),
            "interval": 10.0,
            "announced": START,
            "last_seen": START,
        }
        | changes
    )
    return found


SOURCE = pod("pod-1")


def whole(size: int) -> Manifest:
    """A version of one qcow2 file without holes."""
    disk = Disk(
        role="os", lun=0, format="qcow2", size=size, virtual_size=size, root="a" * 64, sha256="b" * 64,
        preallocated=True,
    )  # fmt: skip
    return msgspec.structs.replace(MANIFEST, disks=(disk,))


def reason(of: Pod, *, replicas: int = 1, held: dict[int, str | None] | None = None, **case: Any) -> str:
    """Why ``of`` cannot have it: the code alone."""
    return text(of, replicas=replicas, held=held, **case).partition(":")[0]


def text(of: Pod, *, replicas: int = 1, held: dict[int, str | None] | None = None, **case: Any) -> str:
    given = {"manifest": MANIFEST, "source": SOURCE} | case
    return unfit(of, replicas, Case(**given), held or {})


HARD = Policy(selector=Selector(labels={"region": ("eu",)}), kind="HARD")


@pytest.mark.parametrize(
    ("of", "case", "code"),
    [
        (pod(), {}, ""),
        (pod(kind=Offline), {}, ""),
        (pod(kind=Draining), {}, "pod_draining"),
        (pod(kind=Removed, removed=START), {}, "pod_draining"),
        (pod(family="vmware"), {}, "family_mismatch"),
        (pod(family=""), {}, ""),
        (pod(family="vmware"), {"source": None}, ""),
        (pod(family="vmware"), {"terms": Terms(requires=Requirements(families=("vmware", "kvm")))}, ""),
        (pod(), {"terms": Terms(requires=Requirements(families=("vmware",)))}, "family_mismatch"),
        (pod(), {"terms": Terms(requires=Requirements(hypervisors=("vsphere",)))}, "hypervisor_unsupported"),
        (pod(), {"terms": Terms(requires=Requirements(hypervisors=("libvirt",)))}, ""),
        (pod(), {"terms": Terms(requires=Requirements(disk_types=("nvme",)))}, "disk_type_missing"),
        (pod(), {"terms": Terms(requires=Requirements(disk_types=("nvme", "ssd")))}, ""),
        (pod(datastores=()), {"terms": Terms(requires=Requirements(disk_types=("nvme",)))}, ""),
        (pod(formats=("vhd",)), {}, "format_unsupported"),
        (pod(virtual_limit=4096), {}, ""),
        (pod(virtual_limit=4095), {}, "virtual_size"),
        (pod(), {"terms": Terms(mode="shallow")}, "shallow"),
        (pod(), {"policies": (("eu-only", HARD),)}, ""),
        (pod(labels={"region": "us"}), {"policies": (("eu-only", HARD),)}, "policy_forbids"),
        (pod(own={"region": "us"}), {"policies": (("eu-only", HARD),)}, "policy_forbids"),
        (pod(), {"manifest": whole(50 * GB)}, ""),
        (pod(), {"manifest": whole(50 * GB + 1)}, "space"),
        (pod(datastores=()), {"manifest": whole(50 * GB + 1)}, ""),
        (pod(connector_version="2.0.9"), {}, ""),
        (pod(connector_version="2.0.9"), {"rules": Rules(older_connectors=False)}, "connector_older"),
        (pod(connector_version="2.1.9"), {"rules": Rules(older_connectors=False)}, ""),
        (pod(connector_version="unknown"), {"rules": Rules(older_connectors=False)}, ""),
    ],
)
def test_a_pod_that_cannot_have_a_version_is_skipped_for_a_reason_with_a_code(
    of: Pod, case: dict[str, Any], code: str
) -> None:
    assert reason(of, **case) == code


ABROAD = pod(labels={"region": "us"})


@pytest.mark.parametrize(
    ("traits", "rules", "code"),
    [
        ((), Rules(), ""),
        (("iso", "encrypted"), Rules(), ""),
        ((), Rules(size_across_regions=1500), ""),
        ((), Rules(size_across_regions=1499), "size_across_regions"),
        (("iso",), Rules(iso_across_regions=False), "iso_across_regions"),
        (("encrypted",), Rules(iso_across_regions=False), ""),
        (("encrypted",), Rules(encrypted_across_regions=False), "encrypted_across_regions"),
    ],
)
def test_the_limits_of_cloud_services_hold_between_regions_and_only_when_they_are_set(
    traits: tuple[Any, ...], rules: Rules, code: str
) -> None:
    manifest = msgspec.structs.replace(MANIFEST, traits=traits)
    assert reason(ABROAD, manifest=manifest, rules=rules) == code
    assert reason(pod(), manifest=manifest, rules=rules) == ""
    assert reason(pod(labels={}), manifest=manifest, rules=rules) == ""


def test_the_limits_are_settings_and_off_unless_they_are_set() -> None:
    assert ReplicatorSettings(data="x").rules == Rules()
    set_ = ReplicatorSettings(
        data="x", size_across_regions=128 * GB, iso_across_regions=False, encrypted_across_regions=False,
        older_connectors=False,
    )  # fmt: skip
    assert set_.rules == Rules(
        size_across_regions=128 * GB, iso_across_regions=False, encrypted_across_regions=False, older_connectors=False
    )
    with pytest.raises(ValueError, match="size_across_regions"):
        ReplicatorSettings(data="x", size_across_regions=-1)


def stores(*free: int, disk_type: str = "") -> tuple[Datastore, ...]:
    return tuple(
        Datastore(name=f"store-{n}", capacity=100 * GB, free=bytes_, disk_type=disk_type)
        for n, bytes_ in enumerate(free)
    )


@pytest.mark.parametrize(
    ("datastores", "replicas", "code"),
    [
        (stores(9 * GB, 1), 1, ""),
        (stores(9 * GB, 9 * GB), 2, ""),
        (stores(9 * GB, 7 * GB), 2, "space"),
        (stores(9 * GB, 9 * GB), 3, "replicas"),
        ((), 2, "replicas"),
    ],
)
def test_replicas_need_room_on_as_many_datastores(datastores: tuple[Datastore, ...], replicas: int, code: str) -> None:
    assert reason(pod(datastores=datastores), replicas=replicas, manifest=whole(8 * GB)) == code


def test_replicas_count_only_datastores_of_the_type_that_is_asked_for() -> None:
    of = pod(datastores=(*stores(9 * GB, disk_type="ssd"), *stores(9 * GB, disk_type="hdd")))
    terms = Terms(requires=Requirements(disk_types=("ssd",)))
    assert reason(of, replicas=2, terms=terms) == "replicas"


def needing(**requires: Any) -> dict[str, Any]:
    return {"terms": Terms(requires=Requirements(**requires))}


ABLE = pod(capabilities=("trusted_launch", "secureboot", "gpu.nvidia"))


@pytest.mark.parametrize(
    ("of", "case", "code"),
    [
        (pod(), needing(capabilities=("trusted_launch",)), "capability_missing"),
        (ABLE, needing(capabilities=("trusted_launch",)), ""),
        (ABLE, needing(capabilities=("trusted_launch", "secureboot")), ""),
        (ABLE, needing(capabilities=("trusted_launch", "confidential")), "capability_missing"),
        (pod(), needing(gpu_types=("nvidia",)), "gpu_missing"),
        (ABLE, needing(gpu_types=("nvidia",)), ""),
        (ABLE, needing(gpu_types=("amd", "nvidia")), ""),
        (ABLE, needing(gpu_types=("amd",)), "gpu_missing"),
        (pod(capabilities=("nvidia",)), needing(gpu_types=("nvidia",)), "gpu_missing"),
        (pod(), needing(disallowed_disk_types=("ssd",)), "disk_type_disallowed"),
        (pod(), needing(disallowed_disk_types=("hdd",)), ""),
        (pod(datastores=()), needing(disallowed_disk_types=("ssd",)), ""),
        (pod(), needing(disk_types=("ssd",), disallowed_disk_types=("ssd",)), "disk_type_disallowed"),
        (pod(), needing(disk_types=("nvme",), disallowed_disk_types=("ssd",)), "disk_type_missing"),
    ],
)
def test_h2_h3_h4_a_pod_that_lacks_what_an_image_asks_for_is_skipped(of: Pod, case: dict[str, Any], code: str) -> None:
    assert reason(of, **case) == code


def test_h3_the_reason_names_what_is_lacking() -> None:
    assert text(ABLE, **needing(capabilities=("trusted_launch", "confidential"))).endswith("cannot do confidential")


def test_h2_a_pod_with_one_disk_that_is_not_disallowed_takes_one_copy_there() -> None:
    of = pod(datastores=(*stores(9 * GB, disk_type="hdd"), Datastore(name="fast", capacity=9 * GB, free=GB)))
    terms = Terms(requires=Requirements(disallowed_disk_types=("hdd",)))
    assert reason(of, terms=terms) == ""
    assert reason(of, terms=terms, replicas=2) == "replicas"
    assert [store.name for store in rooms(of, MANIFEST, terms)] == ["fast"]
    assert reason(of, terms=terms, manifest=whole(2 * GB)) == "space"


def test_a_copy_that_is_there_needs_no_room() -> None:
    full = pod(datastores=stores(0, 9 * GB))
    assert reason(full, manifest=whole(10 * GB), held={0: "store-0"}) == ""
    assert reason(full, manifest=whole(8 * GB), replicas=2, held={0: "store-0"}) == ""
    assert reason(full, manifest=whole(8 * GB), replicas=2, held={0: "store-1"}) == "space"


def test_a_copy_that_is_there_is_not_skipped_for_anything_else() -> None:
    changed = pod(family="vmware", formats=(), labels={"region": "us"})
    assert reason(changed, policies=(("eu-only", HARD),), held={0: "store"}) == ""


def test_a_pod_that_drains_finishes_what_it_has_but_gets_no_more() -> None:
    drains = pod(kind=Draining, datastores=stores(9 * GB, 9 * GB))
    assert reason(drains, held={0: "store-0"}) == ""
    assert reason(drains, replicas=2, held={0: "store-0"}) == "pod_draining"
    assert reason(pod(kind=Removed, removed=START), held={0: "store-0"}) == "pod_draining"


def test_a_file_with_holes_is_not_judged_by_its_size() -> None:
    small = pod(datastores=stores(10))
    assert reason(small, manifest=MANIFEST) == ""


def test_the_source_pod_is_not_asked_whether_it_can_hold_what_it_made() -> None:
    source = pod("pod-1", formats=("vhd",), datastores=stores(0))
    assert reason(source, manifest=whole(GB)) == ""
    assert reason(source, manifest=whole(GB), replicas=2) == "format_unsupported"


def test_a_second_copy_on_the_source_pod_needs_room_for_one() -> None:
    source = pod("pod-1", datastores=stores(0, 2 * GB))
    assert reason(source, manifest=whole(GB), replicas=2) == ""


def test_rooms_are_the_datastores_that_can_take_a_copy_the_emptiest_first() -> None:
    of = pod(datastores=stores(2 * GB, 5 * GB, 1, 5 * GB))
    assert [store.name for store in rooms(of, whole(GB), Terms())] == ["store-1", "store-3", "store-0"]
    taken = frozenset({"store-1"})
    assert [store.name for store in rooms(of, whole(GB), Terms(), taken=taken)] == ["store-3", "store-0"]


# --- resolve ----------------------------------------------------------------------------------------------------------

PODS = {
    one.name: one
    for one in (
        SOURCE,
        pod("pod-2", labels={"region": "us", "tier": "gold"}),
        pod("pod-3", Offline, labels={"region": "eu"}, own={"tier": "gold"}),
        pod("pod-4", Draining),
        pod("pod-5", Removed, removed=START),
        pod("pod-6", formats=("vhd",), family="", hypervisor="hyperv"),
    )
}


def names(targets: Targets, terms: Terms | None = None, **given: Any) -> list[tuple[str, str]]:
    """The resolved pods with the codes for which they are skipped."""
    found = resolve(PODS, targets, 1, terms or Terms(), MANIFEST, Rules(), given.pop("policies", ()), **given)
    return [(target.pod, target.skip.partition(":")[0]) for target in found]


def select(match: Any = "all", **labels: tuple[str, ...]) -> Targets:
    return Targets(kind="selector", selector=Selector(labels=labels, match=match))


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        (Targets(), [("pod-1", ""), ("pod-2", ""), ("pod-3", ""), ("pod-6", "format_unsupported")]),
        (select(region=("us",)), [("pod-2", "")]),
        (select(region=("eu", "us"), tier=("gold",)), [("pod-2", ""), ("pod-3", "")]),
        (select("any", region=("us",), hypervisor=("hyperv",)), [("pod-2", ""), ("pod-6", "format_unsupported")]),
        (select(pod=("pod-3", "pod-4")), [("pod-3", "")]),
        (select(family=("vmware",)), []),
        (
            Targets(kind="list", pods=("pod-9", "pod-4", "pod-2", "pod-5")),
            [("pod-2", ""), ("pod-4", "pod_draining"), ("pod-5", "pod_draining"), ("pod-9", "pod_unknown")],
        ),
        (Targets(kind="list", pods=("pod-4", "pod-9")), []),
        (Targets(kind="list", pods=("Not A Pod", "pod-2")), [("pod-2", "")]),
    ],
)
def test_targets_are_resolved_by_name_label_or_all(targets: Targets, found: list[tuple[str, str]]) -> None:
    assert names(targets) == found


def test_pods_named_beside_the_targets_are_targets_too() -> None:
    found = names(select(region=("us",)), more=("pod-3", "pod-2", "pod-9"))
    assert found == [("pod-2", ""), ("pod-3", ""), ("pod-9", "pod_unknown")]


def test_a_hard_policy_skips_the_pods_outside_of_it() -> None:
    found = names(Targets(), policies=[("eu-only", HARD)])
    assert found == [("pod-1", ""), ("pod-2", "policy_forbids"), ("pod-3", ""), ("pod-6", "format_unsupported")]


def test_replicas_are_common_but_for_the_pods_with_an_override_and_one_for_a_shallow_version() -> None:
    terms = Terms(overrides={"pod-2": Override(replicas=3), "pod-3": Override(exclude_from_latest=True)})
    listed = Targets(kind="list", pods=("pod-1", "pod-2", "pod-3"))
    found = resolve(PODS, listed, 2, terms, MANIFEST, Rules(), ())
    assert [(one.pod, one.replicas) for one in found] == [("pod-1", 2), ("pod-2", 3), ("pod-3", 2)]
    shallow = resolve(PODS, listed, 2, msgspec.structs.replace(terms, mode="shallow"), MANIFEST, Rules(), ())
    assert shallow[0] == Target("pod-1", 1)
    assert {one.skip.partition(":")[0] for one in shallow[1:]} == {"shallow"}


def test_a_reason_is_never_longer_than_a_line() -> None:
    of = pod(formats=tuple(f"format-{n}-{'x' * 60}" for n in range(20)))
    assert len(text(of)) == 300


# --- which policies count ---------------------------------------------------------------------------------------------


def named(name: str, tenant: str = "acme", **changes: Any) -> NamedPolicy:
    body = msgspec.structs.replace(HARD, **changes)
    return NamedPolicy(tenant=tenant, name=name, body=body, revision=1, updated=START)


def test_policies_count_for_their_tenants_images_unless_suspended_or_dropped() -> None:
    every, one, other = named("every"), named("one", images=("image-1",)), named("other", images=("image-2",))
    theirs, rests = named("theirs", "globex"), named("rests", suspended=True)
    gone = msgspec.structs.replace(every, name="gone", body=None)
    found = heeded([every, one, other, theirs, rests, gone], "acme", "image-1")
    assert [name for name, _ in found] == ["every", "one"]


def test_of_two_hard_policies_both_hold() -> None:
    eu = ("eu", HARD)
    gold = ("gold", msgspec.structs.replace(HARD, selector=Selector(labels={"tier": ("gold",)})))
    soft = ("soft", msgspec.structs.replace(HARD, kind="SOFT", selector=Selector(labels={"tier": ("none",)})))
    verdicts = {name: forbidding([eu, gold, soft], selectable(one)) for name, one in PODS.items()}
    assert verdicts["pod-1"] == "gold"
    assert verdicts["pod-2"] == "eu"
    assert verdicts["pod-3"] == ""
