"""Who a publish is for, and why a pod cannot have what is published (features.md C1 to C4, C9; Settled)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from contracts.events.from_pods import Datastore
from contracts.manifest import Manifest
from contracts.names import POD
from contracts.terms import Policy, Requirements, Targets, Terms
from replicator.domain.pod import Pod, Removed, accepts, region_of
from replicator.domain.policy import forbidding, selectable

GPU = "gpu."
"""How a capability begins that is a type of GPU."""
REASON = 300
"""Characters of the longest reason."""

_pod_name = re.compile(POD)
_version = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the house does not copy to just any pod; all off by default (features.md C9 for what crosses regions, the
    limits of cloud services; C2 for connectors that are older than the source's)."""

    size_across_regions: int | None = None
    """Bytes of the largest version that may be copied to another region."""
    iso_across_regions: bool = True
    encrypted_across_regions: bool = True
    older_connectors: bool = True
    """Whether a pod may receive whose connector is of an older major.minor than the source pod's. Yes, so that a
    house can be brought up to date pod by pod."""


class Target(msgspec.Struct, frozen=True):
    """A pod that a publish is for, and how many copies it is to have; with ``skip`` the reason why it cannot."""

    pod: str
    replicas: int = 1
    skip: str = ""


Held: TypeAlias = Mapping[str, Mapping[int, str | None]]
"""By pod, the copies of the version that are AVAILABLE or under way there: replica and its datastore, where known."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What pods are held against. ``policies`` are those heeded for the image (`policy.heeded`); ``source`` is the pod
    that the version was imported on, None when it is no longer known."""

    manifest: Manifest
    terms: Terms = Terms()
    rules: Rules = Rules()
    policies: tuple[tuple[str, Policy], ...] = ()
    source: Pod | None = None


def resolve(
    pods: Mapping[str, Pod],
    targets: Targets,
    replicas: int,
    terms: Terms,
    manifest: Manifest,
    rules: Rules,
    policies: Iterable[tuple[str, Policy]],
    *,
    held: Held | None = None,
    more: Iterable[str] = (),
    source: Pod | None = None,
) -> tuple[Target, ...]:
    """The targets of a publish by name; empty when no pod accepts it (features.md, Settled).

    All enrolled pods that are neither DRAINING nor REMOVED, or of those the ones with the selector's labels; or those
    listed, where one that accepts nothing is named with its reason instead of being left out in silence. ``policies``
    are those of the image (`policy.heeded`); ``more`` are named beside the targets (features.md C7);
    ``source`` is the version's source pod, which need not be among ``pods``, those that are there for who publishes.
    """
    case = Case(
        manifest=manifest, terms=terms, rules=rules, policies=tuple(policies),
        source=source or pods.get(manifest.source.pod),
    )  # fmt: skip
    names = sorted({*_names(pods, targets), *_named(more)})
    if not any(accepts(pods[name]) for name in names if name in pods):
        return ()
    return tuple(target(name, pods.get(name), replicas, case, held) for name in names)


def _names(pods: Mapping[str, Pod], targets: Targets) -> Iterator[str]:
    if targets.kind == "list":
        yield from _named(targets.pods)
        return
    for name, pod in pods.items():
        if not accepts(pod):
            continue
        if targets.kind == "all" or (targets.selector and targets.selector.matches(selectable(pod))):
            yield name


def _named(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if _pod_name.fullmatch(name))


def target(name: str, pod: Pod | None, replicas: int, case: Case, held: Held | None = None) -> Target:
    """``name`` as a target; ``replicas`` is the common number of copies."""
    wanted = 1 if case.terms.mode == "shallow" else case.terms.replicas_on(name, replicas)
    if pod is None:
        return Target(name, wanted, "pod_unknown: the pod is not enrolled")
    return Target(name, wanted, unfit(pod, wanted, case, {} if held is None else held.get(name, {})))


def unfit(pod: Pod, replicas: int, case: Case, held: Mapping[int, str | None]) -> str:
    """Why ``pod`` cannot have ``replicas`` copies: a stable code, a colon, the reason for people. Empty when it can.

    What it has already (``held``) is never held against it: when all copies are there nothing is asked, and those that
    are there need no space. Nor is the version's own source pod asked whether it can hold what it made.
    """
    if len(held) >= replicas and not isinstance(pod, Removed):
        return ""
    if not accepts(pod):
        return "pod_draining: the pod accepts nothing new"
    for reason in _reasons(pod, replicas, case, held):
        return reason[:REASON]
    return ""


def _reasons(pod: Pod, replicas: int, case: Case, held: Mapping[int, str | None]) -> Iterator[str]:
    manifest, terms = case.manifest, case.terms
    at_source = pod.name == manifest.source.pod
    forbidden = forbidding(case.policies, selectable(pod))
    if forbidden:
        yield f"policy_forbids: policy {forbidden} keeps the image on other pods"
    if terms.mode == "shallow" and not at_source:
        yield f"shallow: only the source pod {manifest.source.pod} has a copy"
    if at_source and replicas == 1:
        return
    yield from _kind(pod, case)
    yield from _content(pod, manifest)
    yield from _across(pod, case)
    yield from _room(pod, replicas, case, held)


def _kind(pod: Pod, case: Case) -> Iterator[str]:
    """Families: those that the terms name, else the source pod's own, where both say one (features.md C1)."""
    requires, source = case.terms.requires, case.source
    if requires.families:
        if pod.family not in requires.families:
            yield f"family_mismatch: the pod is of family {_or(pod.family)}, asked for is {_list(requires.families)}"
    elif source is not None and source.family and pod.family and pod.family != source.family:
        yield f"family_mismatch: the pod is of family {pod.family}, the version of {source.family}"
    if requires.hypervisors and pod.hypervisor not in requires.hypervisors:
        asked = _list(requires.hypervisors)
        yield f"hypervisor_unsupported: the pod's hypervisor is {_or(pod.hypervisor)}, asked for is {asked}"
    yield from _abilities(pod, requires)
    if not case.rules.older_connectors and source is not None:
        mine, theirs = _release(pod.connector_version), _release(source.connector_version)
        if mine is not None and theirs is not None and mine < theirs:
            yield f"connector_older: the pod runs {pod.connector_version}, the source pod {source.connector_version}"


def _abilities(pod: Pod, requires: Requirements) -> Iterator[str]:
    """What the hosts must be able to do: all of the capabilities, and one of the GPU types (features.md H3, H4, H6)."""
    lacking = [name for name in requires.capabilities if name not in pod.capabilities]
    if lacking:
        yield f"capability_missing: the pod cannot do {_list(lacking)}"
    if requires.gpu_types and not any(GPU + name in pod.capabilities for name in requires.gpu_types):
        yield f"gpu_missing: no host of the pod has a GPU of {_list(requires.gpu_types)}"


def _content(pod: Pod, manifest: Manifest) -> Iterator[str]:
    for disk in manifest.disks:
        if disk.format not in pod.formats:
            takes = _list(sorted(pod.formats)) or "nothing"
            yield f"format_unsupported: disk {disk.lun} is {disk.format}, the pod takes {takes}"
        if pod.virtual_limit is not None and disk.virtual_size > pod.virtual_limit:
            limit = f"the pod takes at most {pod.virtual_limit}"
            yield f"virtual_size: disk {disk.lun} has {disk.virtual_size} virtual bytes, {limit}"


def _across(pod: Pod, case: Case) -> Iterator[str]:
    """What may not leave the source pod's region. Pods that say no region are in none, and nothing crosses to them."""
    manifest, rules = case.manifest, case.rules
    here, there = region_of(case.source) if case.source is not None else "", region_of(pod)
    if not here or not there or here == there:
        return
    way = f"from region {here} to {there}"
    limit = rules.size_across_regions
    if limit is not None and manifest.size > limit:
        yield f"size_across_regions: {manifest.size} bytes are more than the {limit} that may go {way}"
    if not rules.iso_across_regions and "iso" in manifest.traits:
        yield f"iso_across_regions: an ISO image may not go {way}"
    if not rules.encrypted_across_regions and "encrypted" in manifest.traits:
        yield f"encrypted_across_regions: an encrypted image may not go {way}"


def _room(pod: Pod, replicas: int, case: Case, held: Mapping[int, str | None]) -> Iterator[str]:
    """Each copy lies on a datastore of its own: of a type that the terms ask for, with room for it.

    A disk whose file had no holes at its source takes all of its size, whatever its container; so much must be free by
    the pod's last word. One with holes (a sparse raw file, a qcow2 whose metadata alone was laid out) takes as much as
    it has data, which only its index tells: the pod judges that itself before the first byte (`no_space`). A pod that
    named no datastore yet is taken to have one with room.
    """
    requires, stores = case.terms.requires, suitable(pod, case.terms)
    types = requires.disk_types
    if pod.datastores and not stores:
        if types and not any(store.disk_type in types for store in pod.datastores):
            yield f"disk_type_missing: no datastore of the pod is {_list(types)}"
        else:
            yield f"disk_type_disallowed: no datastore of the pod is other than {_list(requires.disallowed_disk_types)}"
    if replicas > max(len(stores), 1):
        of_type = f" of {_list(types)}" if types else ""
        yield f"replicas: {replicas} copies need as many datastores{of_type}, the pod has {len(stores)}"
    if not stores:
        return
    lacking = replicas - len(held)
    if pod.name == case.manifest.source.pod and 0 not in held:
        lacking -= 1  # the source's own item becomes its first copy
    roomy = rooms(pod, case.manifest, case.terms, taken=frozenset(store for store in held.values() if store))
    if lacking > len(roomy):
        best = max(store.free for store in stores)
        copies = "a copy" if lacking == 1 else f"{lacking} copies on as many datastores"
        yield f"space: {copies} of {certain(case.manifest)} bytes does not fit, at most {best} are free"


def suitable(pod: Pod, terms: Terms) -> tuple[Datastore, ...]:
    """The pod's datastores that are of a type on which copies may lie (features.md H2)."""
    types, disallowed = terms.requires.disk_types, terms.requires.disallowed_disk_types
    if not types and not disallowed:
        return pod.datastores
    return tuple(
        store
        for store in pod.datastores
        if (not types or store.disk_type in types) and store.disk_type not in disallowed
    )


def rooms(pod: Pod, manifest: Manifest, terms: Terms, *, taken: frozenset[str] = frozenset()) -> tuple[Datastore, ...]:
    """The pod's datastores that can take a copy, the one with most free space first; ``taken`` hold one already."""
    needs = certain(manifest)
    found = (store for store in suitable(pod, terms) if store.name not in taken and store.free >= needs)
    return tuple(sorted(found, key=lambda store: (-store.free, store.name)))


def certain(manifest: Manifest) -> int:
    """Bytes that a copy takes for certain."""
    return sum(disk.size for disk in manifest.disks if disk.preallocated)


def _release(version: str) -> tuple[int, int] | None:
    match = _version.match(version)
    return None if match is None else (int(match[1]), int(match[2] or 0))


def _list(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:8])


def _or(name: str) -> str:
    return name or "unknown"
