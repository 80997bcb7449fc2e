"""Queries about pods and what they hold."""

import msgspec

from contracts.errors import Problem
from contracts.events.from_pods import LibraryItem, Vm
from contracts.requests import GetPod, GetPodLibrary, GetPodVms, ItemPage, ListPods, PodPage, VmPage
from contracts.views import ItemView, PodView, VmView
from replicator.documents import HELD, LIMITS, POD, QUEUE
from replicator.domain.limits import PodLimits
from replicator.domain.queue import Queue
from replicator.queries.pages import between, fitting, now, size
from replicator.views import no_pod, pod_view
from runtime.store import Reader

_vm = msgspec.json.Decoder(Vm).decode
_item = msgspec.json.Decoder(LibraryItem).decode


async def pods(request: ListPods, reader: Reader) -> PodPage:
    """Enrolled pods by name; the cursor is the last name."""
    limit = size(request.limit)
    rows = await reader.rows(
        "SELECT body FROM documents WHERE kind = ? AND id > ? ORDER BY id LIMIT ?",
        (POD.name, request.cursor or "", limit + 1),
    )
    found = [POD.decode(body) for (body,) in rows[:limit]]
    if not found:
        return PodPage(items=())
    first, last, at = found[0].name, found[-1].name, now()
    limits = await between(reader, LIMITS, first, last)
    queues = await between(reader, QUEUE, first, last)
    items = fitting(
        [pod_view(one, limits.get(one.name, PodLimits()), queues.get(one.name), at=at) for one in found]
    )  # fmt: skip
    more = len(rows) > limit or len(items) < len(found)
    return PodPage(items=items, next=items[-1].name if more else None)


async def pod(request: GetPod, reader: Reader) -> PodView | Problem:
    """One pod."""
    found = await reader.get(POD, request.pod)
    if found is None:
        return no_pod(request.pod)
    limits = await reader.get(LIMITS, found.name)
    queue: Queue | None = await reader.get(QUEUE, found.name)
    return pod_view(found, limits or PodLimits(), queue, at=now())


async def vms(request: GetPodVms, reader: Reader) -> VmPage | Problem:
    """The VMs, and whatever else could be imported, of a pod's last complete inventory; the cursor is what the last one
    is listed as. A page is as long as a reply may be."""
    found = await reader.get(POD, request.pod)
    if found is None:
        return no_pod(request.pod)
    limit = max(request.limit, 1)
    rows = await reader.rows(
        "SELECT name, body FROM vms WHERE pod = ? AND generation = ? AND name > ? ORDER BY name LIMIT ?",
        (found.name, found.generation, request.cursor or "", limit + 1),
    )
    listed = [_vm(body) for _, body in rows[:limit]]
    views = [
        VmView(
            name=vm.name,
            os_type=vm.os_type,
            power=vm.power,
            locked=vm.locked,
            disks=vm.disks,
            kind=vm.kind,
            capabilities=vm.capabilities,
        )
        for vm in listed
    ]
    items = fitting(views)
    more = len(rows) > len(items)
    return VmPage(items=items, at=found.inventory_at, next=rows[len(items) - 1][0] if more else None)


async def library(request: GetPodLibrary, reader: Reader) -> ItemPage | Problem:
    """The library of a pod as of its last inventory, and what the hub makes of each item; the cursor is the last
    ``<version>/<datastore>``. A page is as long as a reply may be."""
    found = await reader.get(POD, request.pod)
    if found is None:
        return no_pod(request.pod)
    limit, after = max(request.limit, 1), (request.cursor or "").partition("/")
    rows = await reader.rows(
        "SELECT body FROM items WHERE pod = ? AND (version, datastore) > (?, ?) ORDER BY version, datastore LIMIT ?",
        (found.name, after[0], after[2], limit + 1),
    )
    held = await between(reader, HELD, f"{found.name}/", f"{found.name}0")  # "0" is what follows "/"
    strays = {version: standing for section in held.values() for version, standing in section.strays.items()}
    listed = [_item(body) for (body,) in rows[:limit]]
    views = [
        ItemView(
            version=one.version, datastore=one.datastore, digest=one.digest, size=one.size, state=one.state,
            standing="source" if one.source else strays.get(one.version, "wanted"),
        )
        for one in listed
    ]  # fmt: skip
    items = fitting(views)
    more = len(rows) > len(items)
    last = f"{items[-1].version}/{items[-1].datastore}" if more else None
    return ItemPage(items=items, at=found.inventory_at, next=last)
