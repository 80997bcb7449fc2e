"""The read side: pods, what they hold, and the copies of a version."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.events.from_pods import LibraryItem, Vm
from contracts.names import ID
from contracts.requests import (
    CopyPage,
    GetPod,
    GetPodLibrary,
    GetPodVms,
    ItemPage,
    ListCopies,
    ListPods,
    PodPage,
    Request,
    VmPage,
)
from contracts.views import ItemView, PodView, VmView
from replicator.documents import COPY, LIMITS, PLACEMENT, POD
from replicator.domain.limits import PodLimits
from replicator.views import copy_view, no_pod, pod_view
from runtime.store import Reader

LARGEST_PAGE = 1000

_id = re.compile(ID)
_vm = msgspec.json.Decoder(Vm).decode
_item = msgspec.json.Decoder(LibraryItem).decode


async def pods(request: ListPods, reader: Reader) -> PodPage:
    """Enrolled pods by name; the cursor is the last name."""
    limit = _limit(request.limit)
    rows = await reader.rows(
        "SELECT body FROM documents WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",
        (POD.name, request.cursor or "", limit + 1),
    )
    found = [POD.decode(body) for (body,) in rows]
    more = found[limit - 1].name if len(found) > limit else None
    page = found[:limit]
    limits = await _limits(reader, page[0].name, page[-1].name) if page else {}
    return PodPage(items=tuple(pod_view(pod, limits.get(pod.name, PodLimits())) for pod in page), next=more)


async def _limits(reader: Reader, first: str, last: str) -> dict[str, PodLimits]:
    rows = await reader.rows(
        "SELECT id, body FROM documents WHERE kind = ? AND id BETWEEN ? AND ?", (LIMITS.name, first, last)
    )
    return {id: LIMITS.decode(body) for id, body in rows}


async def pod(request: GetPod, reader: Reader) -> PodView | Problem:
    """One pod."""
    found = await reader.get(POD, request.pod)
    if found is None:
        return no_pod(request.pod)
    return pod_view(found, await reader.get(LIMITS, request.pod) or PodLimits())


async def vms(request: GetPodVms, reader: Reader) -> VmPage | Problem:
    """The VMs of a pod's last complete inventory."""
    found = await reader.get(POD, request.pod)
    if found is None:
        return no_pod(request.pod)
    rows = await reader.rows(
        "SELECT body FROM vms WHERE pod = ? AND generation = ? ORDER BY name", (found.name, found.generation)
    )
    listed = [_vm(body) for (body,) in rows]
    views = [
        VmView(name=vm.name, os_type=vm.os_type, power=vm.power, locked=vm.locked, disks=vm.disks) for vm in listed
    ]
    return VmPage(items=tuple(views), at=found.inventory_at)


async def library(request: GetPodLibrary, reader: Reader) -> ItemPage | Problem:
    """The library of a pod's last complete inventory."""
    found = await reader.get(POD, request.pod)
    if found is None:
        return no_pod(request.pod)
    rows = await reader.rows(
        "SELECT body FROM items WHERE pod = ? AND generation = ? ORDER BY version, datastore",
        (found.name, found.generation),
    )
    listed = [_item(body) for (body,) in rows]
    views = [
        ItemView(version=one.version, datastore=one.datastore, digest=one.digest, size=one.size, state=one.state)
        for one in listed
    ]
    return ItemPage(items=tuple(views), at=found.inventory_at)


async def copies(request: ListCopies, reader: Reader) -> CopyPage:
    """The copies of a version by pod; none when the version is unknown or is not the actor's.

    The ids of a version's copies are neighbours in the primary key, so no further index is needed. The cursor is
    what follows the version in the last id, so that it cannot point into another version.
    """
    if not _id.fullmatch(request.version):
        return CopyPage(items=())
    placement = await reader.get(PLACEMENT, request.version)
    if placement is None or placement.tenant != request.actor.tenant:
        return CopyPage(items=())
    limit, prefix = _limit(request.limit), f"{request.version}_"
    rows = await reader.rows(
        "SELECT id, body FROM documents WHERE kind = ? AND id > ? AND id < ? ORDER BY id LIMIT ?",
        (COPY.name, prefix + (request.cursor or ""), request.version + chr(ord("_") + 1), limit + 1),
    )
    items = tuple(copy_view(id, COPY.decode(body), placement.manifest.size) for id, body in rows[:limit])
    return CopyPage(items=items, next=items[-1].id.removeprefix(prefix) if len(rows) > limit else None)


def _limit(asked: int) -> int:
    return min(max(asked, 1), LARGEST_PAGE)


QUERIES: Mapping[type[Request], Callable[[Any, Reader], Awaitable[msgspec.Struct]]] = {
    ListPods: pods,
    GetPod: pod,
    GetPodVms: vms,
    GetPodLibrary: library,
    ListCopies: copies,
}
