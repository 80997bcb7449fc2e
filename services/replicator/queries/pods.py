"""Queries about pods and what they hold."""

import msgspec

from contracts.errors import Problem
from contracts.events.from_pods import LibraryItem, Vm
from contracts.requests import Actor, GetPod, GetPodLibrary, GetPodVms, ItemPage, ListPods, PodPage, VmPage
from contracts.views import ItemView, PodView, VmView
from replicator.documents import HELD, LIMITS, POD, QUEUE
from replicator.domain.limits import PodLimits
from replicator.domain.pod import Pod
from replicator.domain.queue import Queue
from replicator.domain.tenancy import known_to
from replicator.queries.pages import between, fitting, now, size
from replicator.queries.sight import readable
from replicator.views import no_pod, pod_view
from runtime.store import Reader

ROWS = 1000
"""Items that are looked at in one go."""
PAGE = """
    SELECT body FROM documents WHERE kind = 'pod' AND id > ? AND (
        ? OR coalesce(json_array_length(body, '$.tenants'), 0) = 0
        OR EXISTS (SELECT 1 FROM json_each(body, '$.tenants') WHERE value IN (SELECT value FROM json_each(?)))
    ) ORDER BY id LIMIT ?"""
ITEMS = """
    SELECT body FROM items WHERE pod = ? AND (version, datastore) > (?, ?) ORDER BY version, datastore LIMIT ?"""

_vm = msgspec.json.Decoder(Vm).decode
_item = msgspec.json.Decoder(LibraryItem).decode


async def pods(request: ListPods, reader: Reader) -> PodPage:
    """Enrolled pods by name, as far as they are there for the actor; the cursor is the last name."""
    limit, actor = size(request.limit), request.actor
    rows = await reader.rows(PAGE, (request.cursor or "", actor.operator, _principals(actor), limit + 1))
    found = [POD.decode(body) for (body,) in rows[:limit]]
    if not found:
        return PodPage(items=())
    first, last, at = found[0].name, found[-1].name, now()
    limits = await between(reader, LIMITS, first, last)
    queues = await between(reader, QUEUE, first, last)
    items = fitting(
        [pod_view(one, limits.get(one.name, PodLimits()), queues.get(one.name), actor=actor, at=at) for one in found]
    )
    more = len(rows) > limit or len(items) < len(found)
    return PodPage(items=items, next=items[-1].name if more else None)


def _principals(actor: Actor) -> str:
    return msgspec.json.encode(actor.all).decode()


async def _pod(request: GetPod | GetPodVms | GetPodLibrary, reader: Reader) -> Pod | None:
    found = await reader.get(POD, request.pod)
    return found if known_to(found, request.actor) else None


async def pod(request: GetPod, reader: Reader) -> PodView | Problem:
    """One pod."""
    found = await _pod(request, reader)
    if found is None:
        return no_pod(request.pod)
    limits = await reader.get(LIMITS, found.name)
    queue: Queue | None = await reader.get(QUEUE, found.name)
    return pod_view(found, limits or PodLimits(), queue, actor=request.actor, at=now())


async def vms(request: GetPodVms, reader: Reader) -> VmPage | Problem:
    """The VMs, and whatever else could be imported, of a pod's last complete inventory; the cursor is what the last one
    is listed as. A page is as long as a reply may be."""
    found = await _pod(request, reader)
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
    """The library of a pod as of its last inventory, and what the hub makes of each item, as far as the actor may read
    the versions; the cursor is the last ``<version>/<datastore>``. A page is as long as a reply may be."""
    found = await _pod(request, reader)
    if found is None:
        return no_pod(request.pod)
    limit = max(request.limit, 1)
    listed = await _items(request, reader, found.name, limit + 1)
    held = await between(reader, HELD, f"{found.name}/", f"{found.name}0")  # "0" is what follows "/"
    strays = {version: standing for section in held.values() for version, standing in section.strays.items()}
    views = [
        ItemView(
            version=one.version, datastore=one.datastore, digest=one.digest, size=one.size, state=one.state,
            standing="source" if one.source else strays.get(one.version, "wanted"),
        )
        for one in listed[:limit]
    ]  # fmt: skip
    items = fitting(views)
    more = len(listed) > len(items)
    last = f"{items[-1].version}/{items[-1].datastore}" if more else None
    return ItemPage(items=items, at=found.inventory_at, next=last)


async def _items(request: GetPodLibrary, reader: Reader, pod: str, most: int) -> list[LibraryItem]:
    """The next items of the pod's library: an operator sees all, others those of versions that they may read."""
    version, _, datastore = (request.cursor or "").partition("/")
    found: list[LibraryItem] = []
    while len(found) < most:
        rows = await reader.rows(ITEMS, (pod, version, datastore, ROWS))
        items = [_item(body) for (body,) in rows]
        if request.actor.operator:
            found += items
        else:
            seen = await readable(reader, request.actor, {one.version for one in items})
            found += [one for one in items if one.version in seen]
        if len(rows) < ROWS:
            break
        version, datastore = items[-1].version, items[-1].datastore
    return found[:most]
